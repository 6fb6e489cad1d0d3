from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from service.cli.bodies import fill_in_files
from service.client import Client, Refused, Unreachable
from tests.support.job_bodies import quartic
from tests.support.live_api import LiveApi


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
