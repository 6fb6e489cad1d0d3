"""Two workers on one broker, PostgreSQL behind them."""

import signal
from contextlib import nullcontext

import pytest

from service.stores.jobs.leases import refusals
from tests.support.long_job import (
    LONG,
    Findings,
    ended_once,
)
from tests.support.servers.procs import command, kill
from tests.support.servers.site import Site
from tests.support.servers.waiting import until

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("site"),
]


def test_share_the_shards_of_a_job(site: Site, undisturbed_at_site: Findings) -> None:
    job = site.stack.submit(LONG)
    site.both_at_work(job.id)
    ended_once(site.stack, job, undisturbed_at_site)


def test_killed_worker_leaves_its_shard_to_the_other(
    site: Site, undisturbed_at_site: Findings
) -> None:
    job = site.stack.submit(LONG)
    site.both_at_work(job.id)
    worker, _ = site.workers()
    runner = worker.runner()
    kill(worker.pid)
    until(lambda: not command(runner), what="the end of the runner")
    ended_once(site.stack, job, undisturbed_at_site)
    assert site.stack.job(job.id).attempt == 2


@pytest.mark.parametrize("in_transaction", [False, True])
def test_frozen_worker_is_refused_when_it_comes_back(
    site: Site, undisturbed_at_site: Findings, *, in_transaction: bool
) -> None:
    assert site.stack.stores is not None
    engine = site.stack.stores.engine
    before = sum(refusals(engine).values())
    job = site.stack.submit(LONG)
    site.both_at_work(job.id)
    supervisor, runner = site.second.pool_child(), site.second.runner()
    frozen = [site.second.pid, supervisor, runner]
    try:
        with site.both_waiting_for(job.id) if in_transaction else nullcontext():
            for pid in frozen:
                kill(pid, signal.SIGSTOP)
        ended_once(site.stack, job, undisturbed_at_site)
        assert supervisor not in site.shards(job.id).values()
    finally:
        for pid in reversed(frozen):
            kill(pid, signal.SIGCONT)
    until(lambda: not command(runner), what="the end of the runner")
    until(
        lambda: sum(refusals(engine).values()) == before + 1,
        what="the count of the refused write",
    )
    ended_once(site.stack, job, undisturbed_at_site)
