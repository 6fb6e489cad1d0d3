"""Time and memory against starts, samples and parameters."""
