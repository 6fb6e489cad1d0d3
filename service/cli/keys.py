"""Commands for API keys, in the deployment of the environment (``GRADFLAT_...``)."""

from datetime import UTC, datetime, timedelta

import click

from service.schemas.account import SCOPES, TENANT_SCOPES
from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.keys import KeyRecord, KeyStore
from service.stores.sql.schema import migrate


@click.group()
def keys() -> None:
    """Manage API keys."""


@keys.command()
@click.option("--tenant", default="default", show_default=True, help="Whose key.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(SCOPES),
    help="A right; may be repeated. All but metrics:read, if none is named.",
)
@click.option(
    "--expires-in-days",
    "days",
    type=click.FloatRange(min=0, max=36_500),
    help="Time after which it stops working; else it works until it is revoked.",
)
def create(tenant: str, scopes: tuple[str, ...], days: float | None) -> None:
    """Create a key, and print its secret.

    The secret is shown this once. The key's id, to revoke it by, goes to stderr.
    """
    expires_at = None if days is None else datetime.now(UTC) + timedelta(days=days)
    try:
        key_id, secret = _store().create(
            tenant=tenant,
            scopes=frozenset(scopes or TENANT_SCOPES),
            expires_at=expires_at,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    click.echo(key_id, err=True)
    click.echo(secret)


@keys.command("list")
def list_() -> None:
    """List all keys: id, tenant, scopes, and whether they work."""
    for key in _store().list():
        scopes = ",".join(sorted(key.scopes))
        click.echo(f"{key.id}  {key.tenant}  {scopes}  {_state(key)}")


@keys.command()
@click.argument("key_id", metavar="ID")
def revoke(key_id: str) -> None:
    """Let the key ID work no longer, from the next request on."""
    if not _store().revoke(key_id):
        raise click.ClickException(f"there is no key {key_id} in force")


def _store() -> KeyStore:
    stores = open_stores(Settings())
    migrate(stores.engine)
    return stores.keys


def _state(key: KeyRecord) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    if key.expires_at is None:
        return "valid"
    expired = key.expires_at <= datetime.now(UTC)
    return f"{'expired' if expired else 'expires'} {key.expires_at:%Y-%m-%d}"
