"""Topics found in a corpus, and themes that the analyst defines."""
