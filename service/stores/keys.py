"""API keys: shown once, kept as a keyed hash.

A secret is ``gfk_``, 37 random base-62 digits, and the CRC-32 of all that in 6 more, so
that scanners recognise it and a typing error costs no look-up.
"""

import hmac
import os
import re
import secrets
import string
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import final

from sqlalchemy import Engine, or_, select, update

from service.settings import Settings
from service.stores.sql.clock import milliseconds, moment, moment_or_none, now_ms
from service.stores.sql.database import read, write
from service.stores.sql.identifiers import new_id
from service.stores.sql.tables import api_keys
from service.stores.sql.tenants import lock_tenant

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SECRET = re.compile(r"gfk_[0-9A-Za-z]{43}")
_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_RANDOM_DIGITS = 37
_CHECK_DIGITS = 6


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who a valid key stands for."""

    tenant: str
    key_id: str
    scopes: frozenset[str]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key as its deployment's operator sees it."""

    id: str
    tenant: str
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


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
            scopes: Rights, words without spaces.
            expires_at: When it stops working.

        Raises:
            ValueError: If the tenant or a scope is not of that form.
        """
        if _TENANT.fullmatch(tenant) is None:
            raise ValueError(f"{tenant!r} cannot be the name of a tenant")
        if any(len(scope.split()) != 1 for scope in scopes):
            raise ValueError("a scope is one word")
        body = "gfk_" + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_DIGITS))
        secret = body + _check(body)
        key_id = new_id("key")
        with write(self._engine) as connection:
            lock_tenant(connection, tenant)
            connection.execute(
                api_keys.insert().values(
                    id=key_id,
                    tenant=tenant,
                    digest=self._digest(secret),
                    scopes=" ".join(sorted(scopes)),
                    created_at=now_ms(),
                    expires_at=None if expires_at is None else milliseconds(expires_at),
                )
            )
        return key_id, secret

    def authenticate(self, secret: str) -> Principal | None:
        """Returns whom the secret stands for; None if unknown, revoked or expired."""
        if _SECRET.fullmatch(secret) is None:
            return None
        if _check(secret[:-_CHECK_DIGITS]) != secret[-_CHECK_DIGITS:]:
            return None
        with read(self._engine) as connection:
            row = connection.execute(
                select(api_keys.c.tenant, api_keys.c.id, api_keys.c.scopes).where(
                    api_keys.c.digest == self._digest(secret),
                    api_keys.c.revoked_at.is_(None),
                    or_(
                        api_keys.c.expires_at.is_(None),
                        api_keys.c.expires_at > now_ms(),
                    ),
                )
            ).one_or_none()
        if row is None:
            return None
        return Principal(
            tenant=row.tenant, key_id=row.id, scopes=frozenset(row.scopes.split())
        )

    def list(self) -> list[KeyRecord]:
        """Returns all keys, those that no longer work too, oldest first."""
        with read(self._engine) as connection:
            rows = connection.execute(select(api_keys).order_by(api_keys.c.id)).all()
        return [
            KeyRecord(
                id=row.id,
                tenant=row.tenant,
                scopes=frozenset(row.scopes.split()),
                created_at=moment(row.created_at),
                expires_at=moment_or_none(row.expires_at),
                revoked_at=moment_or_none(row.revoked_at),
            )
            for row in rows
        ]

    def revoke(self, key_id: str) -> bool:
        """Returns whether there was such a key in force; it no longer works."""
        with write(self._engine) as connection:
            revoked = connection.execute(
                update(api_keys)
                .where(api_keys.c.id == key_id, api_keys.c.revoked_at.is_(None))
                .values(revoked_at=now_ms())
            )
        return revoked.rowcount == 1

    def _digest(self, secret: str) -> str:
        return hmac.new(self._pepper, secret.encode("ascii"), "sha256").hexdigest()


def load_pepper(settings: Settings) -> bytes:
    """Returns the deployment's pepper, kept in the data folder unless it is set."""
    if settings.pepper is not None:
        return settings.pepper.encode()
    path = settings.data_dir / "pepper"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    draft = settings.data_dir / f"pepper.{secrets.token_hex(8)}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(secrets.token_hex(32).encode())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass  # another process was faster: its pepper holds
    finally:
        draft.unlink()
    return path.read_bytes()


def _check(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(_CHECK_DIGITS):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
