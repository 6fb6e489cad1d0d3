"""The key by which a client may send a request again without doing it again."""

from typing import Annotated

from fastapi import Header

IdempotencyKeyHeader = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of the client's choice for this request. Sent again within "
        "24 hours, with the same body, it gives the first answer and makes no other "
        "job.",
    ),
]

REPLAYED = "Idempotency-Replayed"
"""Header of an answer that an earlier request has been given."""
