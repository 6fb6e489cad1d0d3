"""Krylov methods on batches of symmetric operators."""
