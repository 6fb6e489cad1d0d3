"""Data sets as requests describe them, before they are read."""
