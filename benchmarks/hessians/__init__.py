"""Hessian products and formed Hessians against other implementations and limits."""
