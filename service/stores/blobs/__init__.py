"""Byte strings beside the rows: under a folder, or in a bucket."""
