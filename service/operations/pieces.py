"""Receiving pieces of an upload: what has come counts, however the connection ends."""

import hashlib
from collections.abc import AsyncIterator
from time import monotonic
from typing import final

from anyio.to_thread import run_sync

from service.errors import UploadOffsetConflict, UploadTooLong
from service.stores.blobs.drafts import Drafts
from service.stores.files.uploads import Claim, UploadStore

_ADVANCE_S = 0.25
"""Time in which what came may not count yet: all that a killed server loses."""


@final
class Pieces:
    """Takes the bytes that follow those of an upload.

    Attributes:
        end: How many bytes of the file there are.

    Args:
        uploads: Where progress is recorded.
        drafts: Where the bytes are kept.
        claim: The right to carry on.
        digested: Whether the bytes have a digest to be compared before any counts.
    """

    def __init__(
        self, uploads: UploadStore, drafts: Drafts, claim: Claim, *, digested: bool
    ) -> None:
        self.end = self._counted = claim.upload.received
        self._uploads = uploads
        self._drafts = drafts
        self._claim = claim
        self._digest = hashlib.sha256() if digested else None
        self._waiting = bytearray()
        self._advanced_at = monotonic()

    @property
    def sha256(self) -> str | None:
        """The digest of what came, in hex, if it is to be compared."""
        return None if self._digest is None else self._digest.hexdigest()

    async def receive(self, chunks: AsyncIterator[bytes], *, declared: int) -> None:
        """Keeps bytes as they come.

        `UploadOffsetConflict` if another claim was made, `UploadTooLong` if there are
        more than were announced.

        Args:
            chunks: The bytes.
            declared: How many there will be, or 0.
        """
        left = self._claim.upload.bytes - self.end
        self._check(left - declared)
        try:
            async for chunk in chunks:
                left -= len(chunk)
                self._check(left)
                self._waiting += chunk
                if self._is_due():
                    await run_sync(self._keep)
        finally:
            await run_sync(self._keep)
            if self._digest is None:
                await run_sync(self.count)

    def count(self) -> None:
        """Makes all that came count.

        `UploadOffsetConflict` if another claim was made.
        """
        if self.end > self._counted:
            self._uploads.advance(self._claim, self.end)
            self._counted = self.end
        self._advanced_at = monotonic()

    def _check(self, left: int) -> None:
        if left < 0:
            raise UploadTooLong(f"{self._claim.upload.bytes} bytes were announced")

    def _is_due(self) -> bool:
        return len(self._waiting) >= self._drafts.piece_bytes or self._is_late()

    def _is_late(self) -> bool:
        return monotonic() - self._advanced_at > _ADVANCE_S

    def _keep(self) -> None:
        piece = bytes(self._waiting)
        self._waiting.clear()
        if not piece:
            return
        try:
            self._drafts.write(self._claim.upload.key, self.end, piece)
        except KeyError:
            raise UploadOffsetConflict("The upload was just completed") from None
        self.end += len(piece)
        if self._digest is not None:
            self._digest.update(piece)
        elif self._is_late():
            self.count()
