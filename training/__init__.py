"""Makes the reader's weights: sources, questions, training, calibration."""
