"""Data sets: sources, transforms, and the random streams everything draws from."""
