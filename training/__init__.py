"""How the reader's weights are made: sources, questions, training, calibration."""
