"""Commands for API keys."""

import click

from service.schemas.account import SCOPES
from service.settings import Settings
from service.stores.bundle import open_stores
from service.stores.database import migrate


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
    help="A right; may be repeated. All, if none is named.",
)
def create(tenant: str, scopes: tuple[str, ...]) -> None:
    """Create a key in the deployment of the environment, and print its secret.

    The secret is shown this once.
    """
    stores = open_stores(Settings())
    migrate(stores.engine)
    _, secret = stores.keys.create(tenant=tenant, scopes=frozenset(scopes or SCOPES))
    click.echo(secret)
