"""The command that looks for what keeps a deployment from working."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import final

import click
import httpx

from service import connection
from service.operations.health import readiness
from service.queue import CeleryQueue
from service.schemas.account import Health
from service.settings import Settings
from service.stores.bundle import Stores, open_stores
from service.stores.census import take_census

_LEAST_BYTES = 1024**3
_LONG_SECONDS = 600.0


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; what it tells is a hint where it is not well."""

    name: str
    tells: str
    ok: bool


@click.command()
@click.option(
    "--data-dir", type=click.Path(path_type=Path), help="Data folder of `gradflat up`."
)
def doctor(data_dir: Path | None) -> None:
    """Look for what keeps the deployment of the environment from working.

    Ends with 1 if something is wrong.
    """
    settings = Settings()
    if data_dir is not None:
        settings = settings.model_copy(update={"data_dir": data_dir})
    well = True
    for finding in _findings(settings):
        well = well and finding.ok
        click.echo(f"{'ok ' if finding.ok else 'BAD'}  {finding.name}: {finding.tells}")
    raise SystemExit(0 if well else 1)


def _findings(settings: Settings) -> Iterator[Finding]:
    if not settings.data_dir.is_dir():
        yield Finding("data folder", f"{settings.data_dir} is not there", ok=False)
        return
    free = shutil.disk_usage(settings.data_dir).free
    yield Finding("disk", f"{free / 1024**3:.1f} GiB are free", ok=free >= _LEAST_BYTES)
    stores = open_stores(settings)
    health = _health(settings, stores)
    for check in health.checks:
        yield Finding(check.name, check.detail or "well", ok=check.ok)
    if all(it.ok for it in health.checks if it.name in {"database", "schema"}):
        yield from _look_at_work(stores)


def _health(settings: Settings, stores: Stores) -> Health:
    """As the running server sees it, else as this process does."""
    running = connection.read(settings.data_dir)
    if running is not None:
        try:
            answer = httpx.get(f"{running.url}/v1/health/ready", trust_env=False)
            return Health.model_validate_json(answer.content)
        except (httpx.HTTPError, ValueError):
            click.echo(f"BAD  api: nothing answers at {running.url}")
    queue = CeleryQueue(settings.broker_url)
    return readiness(stores, queue, draining=False)


def _look_at_work(stores: Stores) -> Iterator[Finding]:
    workers = stores.workers.live()
    other = [it.id for it in workers if it.version != version("gradflat")]
    yield Finding(
        "versions",
        f"other than {version('gradflat')}: {', '.join(other)}" if other else "alike",
        ok=not other,
    )
    census = take_census(stores.engine)
    oldest = max(it.oldest_seconds for it in census.waiting.values())
    idle = len(workers) > census.shards.get("running", 0)
    yield Finding(
        "queue",
        f"{sum(it.jobs for it in census.waiting.values())} jobs wait, "
        f"the oldest for {oldest:.0f} s",
        ok=not idle or oldest < _LONG_SECONDS,
    )
    yield Finding(
        "leases",
        f"{census.shards.get('running', 0)} held, {census.overdue_leases} overdue: "
        "a reconciler runs in every API and worker",
        ok=not census.overdue_leases,
    )
