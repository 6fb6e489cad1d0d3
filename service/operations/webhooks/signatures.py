"""Signatures as Standard Webhooks has them (standardwebhooks.com, symmetric, v1)."""

import base64
import hmac
from collections.abc import Iterable
from typing import final


@final
class Signer:
    """Knows every webhook's secret without one being stored.

    A secret is derived from the deployment's pepper, the webhook's id and a number.
    """

    def __init__(self, pepper: bytes) -> None:
        self._pepper = pepper

    def secret(self, webhook_id: str, number: int) -> str:
        """The secret as its owner is told it, ``whsec_`` and base64."""
        return "whsec_" + base64.b64encode(self._key(webhook_id, number)).decode()

    def headers(
        self,
        webhook_id: str,
        numbers: Iterable[int],
        *,
        message_id: str,
        timestamp: int,
        body: bytes,
    ) -> dict[str, str]:
        """Returns the fields by which a receiver knows that a message is ours, and new.

        Args:
            webhook_id: Whose secrets sign the message.
            numbers: Which of them; a receiver needs to know one.
            message_id: The same in every attempt.
            timestamp: Of this attempt, in seconds since 1970.
            body: As it is sent.
        """
        signed = f"{message_id}.{timestamp}.".encode() + body
        digests = (
            hmac.digest(self._key(webhook_id, number), signed, "sha256")
            for number in numbers
        )
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": " ".join(
                "v1," + base64.b64encode(digest).decode() for digest in digests
            ),
        }

    def _key(self, webhook_id: str, number: int) -> bytes:
        name = f"webhook {webhook_id}" + (f" {number}" if number else "")
        return hmac.digest(self._pepper, name.encode(), "sha256")
