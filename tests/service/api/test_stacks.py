"""Stacks of checkpoints with batch norms."""

from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save

from service.queue import InMemoryQueue
from tests.support.layer_bodies import batch_norm, linear
from tests.support.live_api import Tenant

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


@pytest.mark.parametrize("shards", [1, 3])
def test_points_with_statistics_are_a_shard_each(
    tenant: Tenant, queue: InMemoryQueue, shards: int
) -> None:
    target = "/v1/files?purpose=weights&filename=stack"
    content = stack(3, statistics=shards > 1)
    file = tenant.http.post(target, content=content, headers=BINARY).json()
    before = len(queue.published)
    layers = [{"kind": "flatten"}, linear(64, 10), batch_norm(10)]
    body = {
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

    answer = tenant.http.post("/v1/jobs", json=body)

    assert answer.status_code == 202, answer.text
    assert answer.json()["starts"]["count"] == 3
    assert len(queue.published) - before == shards
