"""Extreme eigenvalues by thick-restart Lanczos."""
