import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from service.settings import Settings
from service.stores.bundle import Stores
from service.stores.keys import KeyStore, Principal, load_pepper
from service.stores.sql.database import read
from service.stores.sql.tables import api_keys


def test_a_key_stands_for_its_tenant_and_scopes(stores: Stores) -> None:
    key_id, secret = stores.keys.create(tenant="ada", scopes=frozenset({"b:r", "a:w"}))
    assert re.fullmatch(r"gfk_[0-9A-Za-z]{43}", secret)
    assert stores.keys.authenticate(secret) == Principal(
        tenant="ada", key_id=key_id, scopes=frozenset({"a:w", "b:r"})
    )


def test_the_secret_is_not_stored(stores: Stores) -> None:
    _, secret = stores.keys.create(tenant="ada", scopes=frozenset())
    with read(stores.engine) as connection:
        row = connection.execute(select(api_keys)).one()
    assert secret not in str(row)
    assert KeyStore(stores.engine, b"other").authenticate(secret) is None


@pytest.mark.parametrize("change", ["typo", "short", "long", "prefix", "text", "null"])
def test_other_secrets_stand_for_nobody(stores: Stores, change: str) -> None:
    _, secret = stores.keys.create(tenant="ada", scopes=frozenset())
    other = {
        "typo": secret[:10] + ("a" if secret[10] != "a" else "b") + secret[11:],
        "short": secret[:-1],
        "long": secret + "0",
        "prefix": "x" + secret[1:],
        "text": "\N{SNOWMAN}" * 47,
        "null": secret[:-1] + "\0",
    }[change]
    assert stores.keys.authenticate(other) is None


def test_revoked_and_expired_keys_no_longer_work(stores: Stores) -> None:
    now = datetime.now(UTC)
    revoked_id, revoked = stores.keys.create(tenant="ada", scopes=frozenset())
    _, expired = stores.keys.create(
        tenant="ada", scopes=frozenset(), expires_at=now - timedelta(seconds=1)
    )
    _, valid = stores.keys.create(
        tenant="ada", scopes=frozenset(), expires_at=now + timedelta(hours=1)
    )
    assert stores.keys.revoke(revoked_id)
    assert not stores.keys.revoke(revoked_id)
    assert not stores.keys.revoke("key_0")
    assert stores.keys.authenticate(revoked) is None
    assert stores.keys.authenticate(expired) is None
    assert stores.keys.authenticate(valid) is not None


@pytest.mark.parametrize("tenant", ["", "a/b", "..", "-a", "a" * 65, "a\n", "\0"])
def test_tenants_are_names(stores: Stores, tenant: str) -> None:
    with pytest.raises(ValueError, match="tenant"):
        stores.keys.create(tenant=tenant, scopes=frozenset())


def test_a_scope_is_one_word(stores: Stores) -> None:
    for scope in ("", "a b"):
        with pytest.raises(ValueError, match="word"):
            stores.keys.create(tenant="ada", scopes=frozenset({scope}))


def test_the_pepper_is_made_once_and_private(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "new")
    with ThreadPoolExecutor(8) as threads:
        peppers = set(threads.map(lambda _: load_pepper(settings), range(8)))
    assert len(peppers) == 1
    assert len(peppers.pop()) == 64
    [path] = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_pepper(Settings(data_dir=tmp_path, pepper="salt")) == b"salt"
