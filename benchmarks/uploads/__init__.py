"""A big file sent to the service against hashing and writing the same bytes."""
