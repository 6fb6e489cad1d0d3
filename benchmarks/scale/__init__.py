"""Spectra of large networks: memory against the estimate, and time of a product."""
