import json
import os
import signal
import time
from pathlib import Path

import pytest
import redis

from service.queue import CeleryQueue, InMemoryQueue, publish_all
from service.schemas.tasks import RUN_SHARD, SHARD_QUEUES
from tests.support.servers.ports import black_hole, free_port
from tests.support.servers.valkey import valkey_server


@pytest.mark.servers
def test_messages_reach_the_broker(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        queue = CeleryQueue(server.url)
        assert queue.ping()
        assert queue.is_empty()
        assert publish_all(queue, ["shard_a", "shard_b"], "low") == [
            "shard_a",
            "shard_b",
        ]
        assert not queue.is_empty()
        with redis.Redis(port=server.port) as client:
            messages = [
                json.loads(it) for it in client.lrange(SHARD_QUEUES["low"], 0, -1)
            ]
        assert {it["headers"]["task"] for it in messages} == {RUN_SHARD}
        assert sorted(it["headers"]["argsrepr"] for it in messages) == [
            "['shard_a']",
            "['shard_b']",
        ]


@pytest.mark.servers
def test_a_broker_may_go_and_come_back(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        queue = CeleryQueue(server.url)
        assert queue.publish("shard_a", "normal")
        server.kill()
        assert not queue.publish("shard_b", "normal")
        assert not queue.ping()
        assert not queue.is_empty()
        server.start()
        assert queue.publish("shard_c", "normal")


@pytest.mark.servers
def test_a_frozen_broker_does_not_hold_anyone_up(tmp_path: Path) -> None:
    with valkey_server(tmp_path) as server:
        queue = CeleryQueue(server.url)
        assert queue.publish("shard_a", "normal")
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGSTOP)
        begun = time.monotonic()
        assert not queue.publish("shard_b", "normal")
        assert time.monotonic() - begun < 2.5
        os.kill(server.process.pid, signal.SIGCONT)
        assert queue.publish("shard_c", "normal")


def test_a_broker_that_never_answers() -> None:
    with black_hole() as port:
        queue = CeleryQueue(f"redis://127.0.0.1:{port}/0")
        begun = time.monotonic()
        assert publish_all(queue, ["shard_a", "shard_b"], "high") == []
        assert time.monotonic() - begun < 2.5
        assert not queue.ping()


def test_a_broker_that_is_not_there() -> None:
    queue = CeleryQueue(f"redis://127.0.0.1:{free_port()}/0")
    begun = time.monotonic()
    assert not queue.publish("shard_a", "normal")
    assert time.monotonic() - begun < 1


def test_the_queue_in_memory() -> None:
    queue = InMemoryQueue()
    assert queue.ping()
    assert publish_all(queue, ["a", "b"], "low") == queue.published == ["a", "b"]
    queue.available = False
    assert publish_all(queue, ["c"], "low") == []
