"""Webhooks, the outbox, and deliveries."""
