"""Hessian spectra: extreme eigenvalues, density, inertia."""
