"""Uploaded tensors matched with a network's parameters."""
