"""Blobs in a bucket of an S3-compatible store, for deployments on several hosts."""
