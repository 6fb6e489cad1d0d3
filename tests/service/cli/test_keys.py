from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from service.cli.main import main
from service.settings import Settings
from service.stores.bundle import Stores, open_stores


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stores:
    monkeypatch.setenv("GRADFLAT_DATA_DIR", str(tmp_path))
    return open_stores(Settings())


def gradflat(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["keys", *arguments])


def test_a_key_is_created_listed_and_revoked(stores: Stores) -> None:
    created = gradflat("create", "--tenant", "ada", "--scope", "jobs:read")
    key_id, secret = created.stderr.strip(), created.stdout.strip()
    principal = stores.keys.authenticate(secret)
    assert principal is not None
    assert (principal.tenant, principal.key_id) == ("ada", key_id)
    assert principal.scopes == {"jobs:read"}
    listed = gradflat("list").stdout
    assert listed.split() == [key_id, "ada", "jobs:read", "valid"]
    assert secret not in listed
    assert gradflat("revoke", key_id).exit_code == 0
    assert stores.keys.authenticate(secret) is None
    assert "revoked" in gradflat("list").stdout
    again = gradflat("revoke", key_id)
    assert again.exit_code == 1
    assert "no key" in again.stderr


def test_a_key_may_expire(stores: Stores) -> None:
    valid = gradflat("create", "--expires-in-days", "0.5").stdout.strip()
    expired = gradflat("create", "--expires-in-days", "0").stdout.strip()
    assert stores.keys.authenticate(valid) is not None
    assert stores.keys.authenticate(expired) is None
    listed = gradflat("list").stdout
    assert "expires" in listed
    assert "expired" in listed


def test_names_that_cannot_be_tenants_are_refused(stores: Stores) -> None:
    done = gradflat("create", "--tenant", "../x")
    assert done.exit_code == 1
    assert "tenant" in done.stderr
    assert stores.keys.list() == []
