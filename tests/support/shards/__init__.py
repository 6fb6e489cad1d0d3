"""Shards run without a worker, watched and measured."""
