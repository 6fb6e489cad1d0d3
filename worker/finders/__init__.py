"""Finders of critical points, and the one loop that runs them."""
