"""Webhooks: where messages may go, how they are signed, and how they get there."""
