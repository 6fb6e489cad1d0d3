"""Uploaded files, resumable uploads, and what a tenant holds of both."""
