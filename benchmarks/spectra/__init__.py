"""Hessian spectra against other libraries, with dense eigenvalues as the truth."""
