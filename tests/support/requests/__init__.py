"""Requests, whole and in parts, and the files they name."""
