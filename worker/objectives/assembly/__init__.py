"""Exact Hessians of networks, put together layer by layer."""
