"""Signatures as Standard Webhooks has them (standardwebhooks.com, symmetric, v1)."""

import base64
import hmac
from typing import final


@final
class Signer:
    """Knows every webhook's secret without one being stored.

    A secret is derived from the deployment's pepper and the webhook's id.
    """

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def secret(self, webhook_id: str) -> str:
        """The secret as its owner is told it, ``whsec_`` and base64."""
        return "whsec_" + base64.b64encode(self._key(webhook_id)).decode()

    def headers(
        self, webhook_id: str, *, message_id: str, timestamp: int, body: bytes
    ) -> dict[str, str]:
        """Returns the fields by which a receiver knows that a message is ours, and new.

        Args:
            webhook_id: To whose secret the message is signed.
            message_id: The same in every attempt.
            timestamp: Of this attempt, in seconds since 1970.
            body: As it is sent.
        """
        signed = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.digest(self._key(webhook_id), signed, "sha256")
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        }

    def _key(self, webhook_id: str) -> bytes:
        return hmac.digest(self._pepper, f"webhook {webhook_id}".encode(), "sha256")
