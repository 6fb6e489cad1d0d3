import signal
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import text

from service.schemas.reports import Report
from service.stores.blobs.base import report_key, shard_key
from service.stores.jobs.leases import refusals
from tests.support.bench import TENANT, Bench
from tests.support.servers.procs import command, kill
from tests.support.servers.waiting import until
from tests.support.standin_runner import Behaviour

Patience = Callable[[float], None]


def read(bench: Bench, key: str) -> bytes:
    return b"".join(bench.stores.blobs.read(key))


def test_job_of_one_shard_ends_with_its_report(bench: Bench) -> None:
    job = bench.run(Behaviour.SUCCEED)
    assert job.state == "succeeded"
    assert job.attempt == 1
    assert job.result is not None
    assert job.result.counts.critical == 2
    report = Report.model_validate_json(read(bench, report_key(TENANT, job.id)))
    assert [point.start for point in report.points] == [0, 1]
    with pytest.raises(KeyError):
        bench.stores.blobs.size(shard_key(TENANT, job.id, 0, "points.json"))
    types = bench.types(job.id)
    assert types.count("point") == 2
    assert "phase" in types
    assert types[-1] == "done"


def test_last_of_several_shards_assembles_all_points(bench: Bench) -> None:
    job_id, shard_ids = bench.submit(Behaviour.SUCCEED, shards=3)
    for shard_id in reversed(shard_ids):
        assert bench.job(job_id).state in {"queued", "running"}
        bench.supervisor.run(shard_id)
    assert bench.job(job_id).state == "succeeded"
    report = Report.model_validate_json(read(bench, report_key(TENANT, job_id)))
    assert sorted(point.start for point in report.points) == list(range(6))


def test_second_message_for_a_shard_does_nothing(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.SUCCEED)
    bench.supervisor.run(shard_id)
    before = bench.job(job_id)
    bench.supervisor.run(shard_id)
    assert bench.job(job_id) == before


@pytest.mark.parametrize(
    ("behaviour", "code"),
    [
        (Behaviour.REFUSE, "weights_invalid"),
        (Behaviour.RAISE, "internal_error"),
        (Behaviour.EXHAUST_MEMORY, "out_of_memory"),
        (Behaviour.CRASH, "runner_crashed"),
        (Behaviour.EXIT, "internal_error"),
        (Behaviour.LIE, "internal_error"),
        (Behaviour.GARBLE, "internal_error"),
    ],
)
def test_failure_is_the_jobs_and_the_supervisor_serves_on(
    bench: Bench, behaviour: Behaviour, code: str
) -> None:
    job = bench.run(behaviour)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == code
    assert bench.run(Behaviour.SUCCEED).state == "succeeded"


def test_stray_prints_do_not_disturb(bench: Bench) -> None:
    assert bench.run(Behaviour.CHATTER).state == "succeeded"


def test_killed_runner_costs_an_attempt_and_goes_on_from_its_checkpoint(
    bench: Bench,
) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.DIE_ONCE)
    bench.supervisor.run(shard_id)
    assert bench.stores.recovery.reap() == 1
    assert bench.job(job_id).state == "queued"
    bench.supervisor.run(shard_id)
    job = bench.job(job_id)
    assert (job.state, job.attempt) == ("succeeded", 2)


def test_runner_that_is_always_killed_fails_the_job(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER)
    for _ in range(bench.settings.max_attempts):
        bench.begin(shard_id)
        kill(bench.runner())
        bench.running.pop().join()
        bench.stores.recovery.reap()
    job = bench.job(job_id)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "worker_lost"


def test_time_limit(bench: Bench) -> None:
    job = bench.run(Behaviour.COUNT_FOR_EVER, time_limit_seconds=1)
    assert job.state == "failed"
    assert job.error is not None
    assert job.error.code == "time_limit_exceeded"


def test_cancelled_job_keeps_what_was_found(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER)
    bench.begin(shard_id)
    bench.progressed(job_id)
    bench.stores.jobs.request_cancel(TENANT, job_id)
    job = bench.ended(job_id)
    assert job.state == "cancelled"
    assert job.result is not None
    assert job.result.counts.critical == 2


def test_runner_that_does_not_stop_is_killed(bench: Bench, patience: Patience) -> None:
    patience(0.3)
    job_id, (shard_id,) = bench.submit(Behaviour.IGNORE_EVERYTHING)
    bench.begin(shard_id)
    runner = bench.runner()
    bench.progressed(job_id, steps=1)
    bench.stores.jobs.request_cancel(TENANT, job_id)
    job = bench.ended(job_id)
    assert job.state == "cancelled"
    assert not command(runner)


def test_cancelled_job_keeps_what_other_shards_found(
    bench: Bench, patience: Patience
) -> None:
    patience(0.3)
    job_id, (first, second) = bench.submit(Behaviour.IGNORE_LATER, shards=2)
    bench.supervisor.run(first)
    bench.begin(second)
    bench.progressed(job_id, steps=1)
    bench.stores.jobs.request_cancel(TENANT, job_id)
    take = partial(bench.stores.recovery.take_unannounced, queue_is_empty=True)
    until(take, what="a shard for the report")
    patience(60.0)  # the report may take as long as it takes
    bench.supervisor.run(first)
    job = bench.job(job_id)
    assert job.state == "cancelled"
    assert job.result is not None
    assert job.result.counts.critical == 2


def test_drained_shard_goes_on_where_it_was(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER)
    bench.begin(shard_id)
    bench.progressed(job_id, steps=12)
    bench.draining.set()
    bench.running.pop().join()
    job = bench.job(job_id)
    assert (job.state, job.attempt) == ("queued", 0)
    key = shard_key(TENANT, job_id, 0, "checkpoint.safetensors")
    reached = int(read(bench, key))
    assert reached >= 12
    bench.draining.clear()
    bench.begin(shard_id)
    bench.progressed(job_id, steps=1)
    assert bench.reached(job_id) > reached


def test_draining_supervisor_begins_nothing(bench: Bench) -> None:
    bench.draining.set()
    assert bench.run(Behaviour.SUCCEED).state == "queued"


def test_who_lost_the_lease_writes_nothing(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER)
    bench.begin(shard_id)
    runner = bench.runner()
    with bench.stores.engine.begin() as connection:
        connection.execute(text("UPDATE shards SET lease_expires_at = 0"))
    assert bench.stores.recovery.reap() == 1
    other = bench.stores.shards.claim(shard_id, worker="other", lease_seconds=60)
    assert other is not None
    bench.running.pop().join()
    assert not command(runner)
    job = bench.job(job_id)
    assert (job.state, job.attempt) == ("running", 2)
    assert bench.stores.shards.renew(other.token, lease_seconds=60) is not None
    assert refusals(bench.stores.engine) == {"abandon": 1}


def test_runner_dies_when_no_renewal_succeeds(bench: Bench) -> None:
    _, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER)
    bench.begin(shard_id)
    runner = bench.runner()
    with bench.stores.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        until(lambda: not command(runner), what="the end of the runner")
        connection.exec_driver_sql("ROLLBACK")
    bench.running.pop().join()


def test_frozen_runner_does_not_stop_the_time_limit(bench: Bench) -> None:
    job_id, (shard_id,) = bench.submit(Behaviour.COUNT_FOR_EVER, time_limit_seconds=1)
    bench.begin(shard_id)
    kill(bench.runner(), signal.SIGSTOP)
    job = bench.ended(job_id)
    assert job.error is not None
    assert job.error.code == "time_limit_exceeded"


def test_folders_of_runs_are_removed(bench: Bench) -> None:
    bench.run(Behaviour.SUCCEED)
    bench.run(Behaviour.CRASH)
    folders = list(bench.settings.resolved_scratch_dir.glob("*/run-*"))
    assert len(folders) == 1, "only the spare's"
