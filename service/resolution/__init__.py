"""Requests checked against the files they name and the limits of the server."""
