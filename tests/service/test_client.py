import hashlib
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.cli.bodies import fill_in_files
from service.client import Client, Refused, Unreachable
from tests.support.requests.job_bodies import quartic
from tests.support.servers.cutting_proxy import cutting_proxy
from tests.support.servers.live_api import LiveApi


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "weights.safetensors"
    save_file({"w": np.ones((300, 1000))}, path)
    return path


def test_upload_create_cancel_and_wait(api: LiveApi, weights: Path) -> None:
    _, key = api.key()
    with Client(api.url, key) as client:
        stored = client.upload(weights, "weights")
        assert stored.bytes == weights.stat().st_size
        assert client.upload(weights, "weights").id == stored.id
        job = client.create(quartic())
        assert job.state == "queued"
        assert client.job(job.id).state == "queued"
        with pytest.raises(TimeoutError):
            client.wait(job.id, timeout=0.0)
        client.cancel(job.id)
        seen: list[str] = []
        ended = client.wait(job.id, on_change=lambda job: seen.append(job.state))
        assert ended.state == "cancelled"
        assert seen == ["cancelled"]


def test_refusal_carries_the_problem(api: LiveApi, tmp_path: Path) -> None:
    _, key = api.key()
    with Client(api.url, key) as client:
        with pytest.raises(Refused) as refused:
            client.report("job_unknown")
        assert refused.value.problem.code == "job_not_found"
        with pytest.raises(Refused) as refused:
            client.download("job_unknown", "points.safetensors", tmp_path / "points")
        assert refused.value.problem.code == "job_not_found"
    assert list(tmp_path.iterdir()) == []


def test_no_server_is_unreachable() -> None:
    with (
        Client("http://127.0.0.1:9", "gfk_x") as client,
        pytest.raises(Unreachable, match="no answer"),
    ):
        client.job("job_0")


@pytest.mark.parametrize(
    "dataset", [{"kind": "file"}, {"kind": "file", "file_id": None}]
)
def test_ids_are_filled_in_where_they_are_missing(dataset: dict[str, object]) -> None:
    body = {"problem": {"dataset": dataset}}
    filled = fill_in_files(body, weights="file_w", dataset="file_d")
    assert filled["problem"]["weights_file_id"] == "file_w"
    assert filled["problem"]["dataset"] == {"kind": "file", "file_id": "file_d"}
    assert "weights_file_id" not in body["problem"]


def test_ids_that_are_there_stay() -> None:
    problem = {
        "weights_file_id": "file_1",
        "dataset": {"kind": "file", "file_id": "file_2"},
    }
    body = {"problem": problem}
    assert fill_in_files(body, weights="file_w", dataset="file_d") == body
    builtin = {"problem": {"weights_file_id": "file_1", "dataset": {"kind": "builtin"}}}
    assert fill_in_files(builtin, weights=None, dataset="file_d") == builtin


def test_a_file_goes_on_from_where_it_came(api: LiveApi, weights: Path) -> None:
    tenant, key = api.key()
    content = weights.read_bytes()
    with Client(api.url, key) as client, api.client(key) as http:
        begun = http.post(
            "/v1/uploads",
            json={
                "purpose": "weights",
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            },
        ).json()
        claim = api.stores.uploads.claim(tenant, begun["id"], 0)
        api.stores.drafts.write(claim.upload.key, 0, content[:1_000_000])
        api.stores.uploads.advance(claim, 1_000_000)
        stored = client.upload(weights, "weights")
        finished = http.get(f"/v1/uploads/{begun['id']}").json()
    assert finished["file"]["id"] == stored.id


def test_what_the_server_does_not_want_is_not_sent_again(
    api: LiveApi, tmp_path: Path
) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"no tensors at all")
    with Client(api.url, api.key()[1]) as client:
        with pytest.raises(Refused) as refused:
            client.upload(path, "weights")
        assert refused.value.problem.code == "weights_invalid"


def test_patience_ends(weights: Path) -> None:
    with (
        Client("http://127.0.0.1:9", "gfk_x") as client,
        pytest.raises(Unreachable, match="no answer"),
    ):
        client.upload(weights, "weights", patience_seconds=0.2)


def test_a_file_arrives_over_a_bad_connection(api: LiveApi, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    save_file({"w": np.arange(500_000.0)}, path)
    port = int(api.url.rpartition(":")[2])
    cuts: list[int] = []
    with (
        cutting_proxy(
            port, after_bytes=1_000_000, cuts=3, on_cut=lambda: cuts.append(1)
        ) as bad_port,
        Client(f"http://127.0.0.1:{bad_port}", api.key()[1]) as client,
    ):
        stored = client.upload(path, "weights")
    assert len(cuts) == 3
    assert stored.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
