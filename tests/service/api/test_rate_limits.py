import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from service.settings import Settings
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import LiveApi, live_api


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[LiveApi]:
    """A server whose buckets hardly refill."""
    settings = Settings(
        data_dir=tmp_path,
        requests_per_second=0.01,
        requests_burst=6,
        writes_per_second=0.01,
        writes_burst=2,
    )
    with live_api(settings) as api:
        yield api


def refused(answer: httpx.Response, policy: str) -> bool:
    if answer.status_code != 429:
        return False
    assert answer.json()["code"] == "rate_limited"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert 1 <= int(answer.headers["Retry-After"]) <= 100
    assert re.fullmatch(rf'"{policy}";r=0;t=\d+', answer.headers["RateLimit"])
    return True


def test_answers_tell_what_is_left(slow: LiveApi) -> None:
    with slow.client(slow.key()[1]) as http:
        for left in (5, 4):
            answer = http.get("/v1/me")
            assert answer.headers["RateLimit-Policy"] == '"requests";q=6;w=600'
            assert answer.headers["RateLimit"].startswith(f'"requests";r={left};t=')
        created = http.post("/v1/jobs", json=quartic())
        assert created.status_code == 202
        assert created.headers["RateLimit-Policy"] == '"writes";q=2;w=200'
        assert created.headers["RateLimit"].startswith('"writes";r=1;t=')


def test_too_many_writes_are_refused_while_reads_go_on(slow: LiveApi) -> None:
    _, key = slow.key()
    with slow.client(key) as http:
        assert http.post("/v1/jobs", json=quartic()).status_code == 202
        assert http.post("/v1/jobs", json=quartic(starts=0)).status_code == 422
        assert refused(http.post("/v1/jobs", json=quartic()), "writes")
        assert refused(http.post("/v1/jobs/validate", json=quartic()), "writes")
        jobs = http.get("/v1/jobs")
        assert len(jobs.json()["items"]) == 1


def test_a_flood_is_refused_before_its_key_is_looked_up(slow: LiveApi) -> None:
    ours, theirs = slow.key()[1], slow.key()[1]
    with slow.client(ours) as http, slow.client(theirs) as other:
        answers = [http.get("/v1/me") for _ in range(9)]
        assert [refused(it, "requests") for it in answers] == [False] * 6 + [True] * 3
        assert other.get("/v1/me").status_code == 200
        with slow.stores.engine.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE api_keys RENAME TO elsewhere")
        assert refused(http.get("/v1/me"), "requests")
        assert other.get("/v1/me").status_code == 503
        assert http.get("/v1/health/live").status_code == 200
    with slow.client("gfk_" + "0" * 43) as stranger:
        answers = [stranger.get("/v1/me") for _ in range(9)]
        assert [it.status_code for it in answers] == [401] * 6 + [429] * 3
