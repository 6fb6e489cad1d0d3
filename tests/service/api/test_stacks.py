"""Stacks of checkpoints with batch norms."""

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from service.queue import InMemoryQueue
from tests.support.requests.layer_bodies import batch_norm, linear
from tests.support.servers.live_api import Tenant

BINARY = {"Content-Type": "application/octet-stream"}


def stack(points: int, *, statistics: bool) -> bytes:
    """Points of a linear layer and a norm, as PyTorch saves them."""
    random = np.random.default_rng(0)
    shapes = {"fc.weight": (10, 64), "fc.bias": (10,), "bn.weight": (10,)}
    shapes["bn.bias"] = (10,)
    if statistics:
        shapes |= {"bn.running_mean": (10,), "bn.running_var": (10,)}
    tensors: dict[str, np.ndarray[Any, Any]] = {
        name: random.uniform(0.5, 1.5, (points, *shape))
        for name, shape in shapes.items()
    }
    if statistics:
        tensors["bn.num_batches_tracked"] = np.full((points,), 7, dtype=np.int64)
    return save(tensors)


def job(tenant: Tenant, points: int, *, statistics: bool) -> dict[str, Any]:
    """A job that classifies a stack of so many points, which is uploaded."""
    target = "/v1/files?purpose=weights&filename=stack"
    content = stack(points, statistics=statistics)
    file = tenant.http.post(target, content=content, headers=BINARY).json()
    layers = [{"kind": "flatten"}, linear(64, 10), batch_norm(10)]
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "sequential", "layers": layers},
            "weights_file_id": file["id"],
            "stacked": True,
            "dataset": {"kind": "builtin", "name": "digits"},
            "loss": {"kind": "cross_entropy"},
        },
        "starts": {"kind": "weights"},
        "finder": {"kind": "none"},
    }


@pytest.mark.parametrize("shards", [1, 3])
def test_points_with_statistics_are_a_shard_each(
    tenant: Tenant, queue: InMemoryQueue, shards: int
) -> None:
    body = job(tenant, 3, statistics=shards > 1)
    before = len(queue.published)

    answer = tenant.http.post("/v1/jobs", json=body)

    assert answer.status_code == 202, answer.text
    assert answer.json()["starts"]["count"] == 3
    assert len(queue.published) - before == shards


@pytest.mark.parametrize("statistics", [True, False])
def test_points_that_share_no_shard_share_no_memory(
    tenant: Tenant, *, statistics: bool
) -> None:
    one, three = (
        tenant.http.post(
            "/v1/jobs/validate", json=job(tenant, points, statistics=statistics)
        ).json()["estimate"]["memory_bytes"]
        for points in (1, 3)
    )

    assert (one == three) == statistics
