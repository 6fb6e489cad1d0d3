"""Commands that talk to a server as any client does."""

import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, Any, final

import click
from rich.console import Console

from service import connection, presets
from service.cli.bodies import changed, fill_in_files, read_body
from service.cli.tables import show_event, show_problem, show_report, watch
from service.client import Client, Refused, Unreachable
from service.schemas.files import Purpose
from service.settings import Settings

FAILED = 1
"""The job did not succeed."""
REFUSED = 3
"""The server answered with a problem."""
UNREACHABLE = 4
"""There is no server, or no way to know of one."""

_file = click.Path(path_type=Path, exists=True, dir_okay=False)
_out = click.Path(path_type=Path, dir_okay=False, writable=True)


@final
@dataclass(frozen=True, slots=True)
class Server:
    """Where a command finds its server."""

    url: str | None
    api_key: str | None
    data_dir: Path | None


def _with_server(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options that name a server, and hands them over as one."""

    @click.option("--url", envvar="GRADFLAT_URL", help="Address of the server.")
    @click.option("--api-key", envvar="GRADFLAT_API_KEY", help="Secret of a key.")
    @click.option(
        "--data-dir",
        type=click.Path(path_type=Path),
        help="Data folder of a running `gradflat up`, where no address is given.",
    )
    @wraps(command)
    def with_options(
        *,
        url: str | None,
        api_key: str | None,
        data_dir: Path | None,
        **others: Any,  # noqa: ANN401 - of the command
    ) -> None:
        command(server=Server(url, api_key, data_dir), **others)

    return with_options


@click.command()
@click.argument("job", type=click.File("rb"), required=False)
@click.option(
    "--preset",
    type=click.Choice(presets.names()),
    help="One of the paper's experiments instead of a file.",
)
@click.option(
    "--finder",
    metavar="KIND",
    help="Another finder, with its defaults: newton_mr, damped_newton, gradient_norm, "
    "levenberg_marquardt or none.",
)
@click.option("--starts", type=click.IntRange(min=1), help="Another number of starts.")
@click.option("--seed", type=click.IntRange(min=0), help="Another seed.")
@click.option("--weights", type=_file, help="Safetensors file of weights to upload.")
@click.option("--dataset", type=_file, help="Safetensors file of data to upload.")
@click.option("--watch", "watched", is_flag=True, help="Wait, and show the points.")
@click.option("--output", type=_out, help="File for the report; implies --watch.")
@_with_server
def submit(
    *,
    job: IO[bytes] | None,
    preset: str | None,
    finder: str | None,
    starts: int | None,
    seed: int | None,
    weights: Path | None,
    dataset: Path | None,
    watched: bool,
    output: Path | None,
    server: Server,
) -> None:
    """Create the job in the file JOB (JSON) or of a preset, with files to upload.

    Ids of uploaded files are filled in where the job leaves them out. Prints the job's
    id. Ends with 1 if a watched job does not succeed, 3 if the server refuses, 4 if
    there is none.
    """
    request = changed(read_body(job, preset), finder=finder, starts=starts, seed=seed)
    with _client(server) as client:
        body = fill_in_files(
            request,
            weights=_upload(client, weights, "weights"),
            dataset=_upload(client, dataset, "dataset"),
        )
        created = client.create(body)
        click.echo(created.id)
        if watched or output is not None:
            _watch(client, created.id, output)


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--json", "as_json", is_flag=True, help="As the server sends it.")
@_with_server
def report(*, job_id: str, as_json: bool, server: Server) -> None:
    """Show the report of the job ID."""
    with _client(server) as client:
        if as_json:
            click.echo(client.report_json(job_id))
        else:
            show_report(Console(), client.report(job_id))


@click.command()
@click.argument("job_id", metavar="ID")
@click.option("--follow", is_flag=True, help="Wait for more, until the job ends.")
@_with_server
def log(*, job_id: str, follow: bool, server: Server) -> None:
    """Show what has happened to the job ID, a line for each event."""
    console = Console()
    with _client(server) as client:
        for event in client.follow(job_id) if follow else client.events(job_id):
            show_event(console, event)


def _upload(client: Client, path: Path | None, purpose: Purpose) -> str | None:
    return None if path is None else client.upload(path, purpose).id


def _watch(client: Client, job_id: str, output: Path | None) -> None:
    console = Console()
    ended = watch(Console(stderr=True), client, job_id)
    if ended.error is not None:
        console.print(f"{ended.error.code}: {ended.error.message}", markup=False)
    if ended.result is not None:
        if output is not None:
            output.write_bytes(client.report_json(job_id))
        show_report(console, client.report(job_id))
    if ended.state != "succeeded":
        raise SystemExit(FAILED)


@contextmanager
def _client(server: Server) -> Generator[Client]:
    url, api_key = _locate(server)
    try:
        with Client(url, api_key) as client:
            yield client
    except Refused as refused:
        show_problem(Console(stderr=True), refused.problem)
        raise SystemExit(REFUSED) from None
    except Unreachable as error:
        click.echo(f"Error: {error}", err=True)
        raise SystemExit(UNREACHABLE) from None


def _locate(server: Server) -> tuple[str, str]:
    if server.url is not None and server.api_key is not None:
        return server.url, server.api_key
    folder = server.data_dir or Settings().data_dir
    local = connection.read(folder)
    if local is None:
        click.echo(
            f"Error: no gradflat is ready on {os.fspath(folder)}; name a data folder "
            "with --data-dir, or a server with --url and --api-key",
            err=True,
        )
        raise SystemExit(UNREACHABLE)
    return server.url or local.url, server.api_key or local.api_key
