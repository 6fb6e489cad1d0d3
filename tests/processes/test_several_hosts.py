"""Hosts that share PostgreSQL, a broker and a bucket, and no folder."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors import safe_open

from tests.support.long_job import LONG
from tests.support.requests.job_bodies import regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.object_store import object_store
from tests.support.servers.postgres import postgres
from tests.support.servers.procs import kill
from tests.support.servers.site import Site
from tests.support.servers.stack import GRADFLAT, running_stack
from tests.support.servers.valkey import valkey_server
from tests.support.servers.workers import running_worker

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.xdist_group("hosts"),
]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One host with everything, another with a worker and a data folder of its own."""
    with (
        postgres() as database,
        valkey_server(tmp_path_factory.mktemp("broker")) as broker,
        object_store(tmp_path_factory.mktemp("objects")) as objects,
    ):
        objects.new_bucket("gradflat")
        environment = {
            f"GRADFLAT_{name.upper()}": value
            for name, value in objects.settings("gradflat").items()
        }
        with running_stack(
            tmp_path_factory.mktemp("first"),
            ("--broker-url", broker.url),
            GRADFLAT_BROKER_URL=broker.url,
            GRADFLAT_DATABASE_URL=database.new_database(),
            GRADFLAT_STARTS_PER_SHARD="1",
            **environment,
        ) as first:
            assert first.stores is not None
            elsewhere = {
                **first.child_environment(),
                "GRADFLAT_DATA_DIR": str(tmp_path_factory.mktemp("second")),
            }
            with running_worker(
                (*GRADFLAT, "worker"), first.stores, elsewhere
            ) as second:
                yield Site(first, database, broker, second)


def test_share_a_job_by_its_files_alone(hosts: Site, tmp_path: Path) -> None:
    stack = hosts.stack
    weights, data, points = (tmp_path / name for name in ("w", "d", "p"))
    weights.write_bytes(weights_of(3, 4, 2))
    data.write_bytes(regression_data(20, 3, 2))
    with stack.client() as client:
        body = regression(
            client.upload(weights, "weights").id,
            client.upload(data, "dataset").id,
            [3, 4, 2],
        )
        job = client.wait(client.create(body).id, timeout=100)
        assert job.state == "succeeded", job.error
        report = client.report(job.id)
        assert [point.start for point in report.points] == [0, 1, 2, 3]
        client.download(job.id, "points.safetensors", points)
    (artifact,) = (it for it in report.artifacts if it.name == "points.safetensors")
    assert hashlib.sha256(points.read_bytes()).hexdigest() == artifact.sha256
    with safe_open(points, "np") as tensors:
        assert tensors.get_slice("layers.0.weight").get_shape() == [4, 4, 3]
    folder = stack.data_dir / "blobs"
    assert [it for it in folder.rglob("*") if it.is_file()] == []


def test_a_lost_host_s_work_goes_on_from_the_bucket(hosts: Site) -> None:
    job = hosts.stack.submit(LONG)
    hosts.both_at_work(job.id)
    kill(hosts.second.pid)
    ended = hosts.stack.ended(job.id, seconds=150)
    assert ended.state == "succeeded", ended.error
    with hosts.stack.client() as client:
        points = client.report(job.id).points
    assert [point.start for point in points] == list(range(LONG["starts"]["count"]))
