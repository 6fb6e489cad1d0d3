"""Commands that become a server."""

import os
import resource
import socket
import sys
from pathlib import Path

import click
import uvicorn

from service import logs
from service.app import create_app, drain
from service.cli.draining import DrainingServer
from service.connection import Connection
from service.http.protocol import Protocol
from service.settings import Settings
from service.stack.broker import NoBroker
from service.stack.claims import StackFailed
from service.stack.environment import WORKER_ARGUMENTS, environment
from service.stack.stack import Stack

HOST = "127.0.0.1"
PORT = 8000
GRACE_S = 5
"""In which open requests may end when the API is asked to end."""
CONNECTIONS = 65_536
"""At most, where the system allows as many."""

_host = click.option(
    "--host",
    default=HOST,
    show_default=True,
    help="Address to listen on. Names that clients use for another one go into "
    "GRADFLAT_ALLOWED_HOSTS.",
)
_port = click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=PORT,
    show_default=True,
    help="Port to listen on; 0 is any.",
)
_database = click.option(
    "--database-url", help="PostgreSQL by URL; else SQLite in the data folder."
)


@click.command()
@_host
@_port
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Folder of everything kept."
)
@click.option("--broker-url", help="Redis or Valkey by URL; else an embedded one.")
@_database
def up(
    host: str,
    port: int,
    data_dir: Path | None,
    broker_url: str | None,
    database_url: str | None,
) -> None:
    """Run everything on this machine until Ctrl-C.

    Starts a broker, the API and one worker, and writes connection.json into the data
    folder while they are ready. Logs are in its folder logs.
    """
    settings = _settings(
        data_dir=data_dir, broker_url=broker_url, database_url=database_url
    )
    stack = Stack(settings, host=host, port=port, embedded_broker=broker_url is None)
    try:
        stack.run(_announce)
    except (StackFailed, NoBroker) as error:
        raise click.ClickException(str(error)) from None


@click.command()
@_host
@_port
@click.option("--socket", "descriptor", type=int, hidden=True)
def api(host: str, port: int, descriptor: int | None) -> None:
    """Run the HTTP API; the environment says with what (GRADFLAT_...)."""
    logs.configure()
    _allow_connections()
    app = create_app(Settings())
    config = uvicorn.Config(
        app,
        http=Protocol,
        host=host,
        port=port,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE_S,
    )
    sockets = None if descriptor is None else [socket.socket(fileno=descriptor)]
    DrainingServer(config, on_drain=lambda: drain(app)).run(sockets)


@click.command()
def worker() -> None:
    """Run a worker; the environment says with what (GRADFLAT_...)."""
    settings = Settings()
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    inherited = environment(settings)
    # Celery looks for modules in the working directory first.
    os.chdir(settings.data_dir)
    os.execve(sys.executable, [sys.executable, *WORKER_ARGUMENTS], inherited)  # noqa: S606


def _allow_connections() -> None:
    """Raises the number of open files, of which each client holds one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = CONNECTIONS if hard == resource.RLIM_INFINITY else min(CONNECTIONS, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _announce(connection: Connection) -> None:
    click.echo(f"gradflat is ready at {connection.url} (stop it with Ctrl-C)")
    sys.stdout.flush()


def _settings(**given: Path | str | None) -> Settings:
    named = {name: value for name, value in given.items() if value is not None}
    return Settings.model_validate(Settings().model_dump() | named)
