"""Graphs of a network's gradient, and products with its derivatives."""
