"""API keys: shown once, kept as a keyed hash."""

from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine

from service.settings import Settings


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a valid key stands for."""

    tenant: str
    key_id: str
    scopes: frozenset[str]


@final
class KeyStore:
    """Creates, checks and revokes API keys."""

    def __init__(self, engine: Engine, pepper: bytes) -> None:
        self._engine = engine
        self._pepper = pepper

    def create(
        self, *, tenant: str, scopes: frozenset[str], expires_at: datetime | None = None
    ) -> tuple[str, str]:
        """Returns the id of a new key and its secret, which is not stored.

        Args:
            tenant: ``[A-Za-z0-9][A-Za-z0-9_-]{0,63}``; made if it is new.
            scopes: Rights.
            expires_at: When it stops working.
        """
        raise NotImplementedError

    def authenticate(self, secret: str) -> Principal | None:
        """Returns whom the secret stands for; None if unknown, revoked or expired."""
        raise NotImplementedError

    def revoke(self, key_id: str) -> bool:
        """Returns whether there was such a key; it no longer works."""
        raise NotImplementedError


def load_pepper(settings: Settings) -> bytes:
    """Returns the deployment's pepper, kept in the data folder unless it is set."""
    raise NotImplementedError
