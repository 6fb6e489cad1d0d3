import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from service.queue import InMemoryQueue
from service.schemas.reports import Report
from service.stores.blobs.base import report_key
from tests.support.outcomes import EARLIER_REPORT, claim_all, conclude, succeed
from tests.support.requests.job_bodies import quartic
from tests.support.servers.live_api import Tenant

ARTIFACT = bytes(range(256)) * 4


@dataclass(frozen=True)
class Finished:
    url: str
    report: bytes


@pytest.fixture
def finished(tenant: Tenant, queue: InMemoryQueue, tmp_path: Path) -> Finished:
    before = len(queue.published)
    job = tenant.http.post("/v1/jobs", json=quartic(starts=10)).json()
    report = succeed(
        tenant.stores,
        queue.published[before:],
        tmp_path,
        artifacts={"points.safetensors": ARTIFACT},
    )
    return Finished(url=job["urls"]["self"], report=report)


def test_the_report_is_what_the_worker_stored(
    tenant: Tenant, finished: Finished
) -> None:
    answer = tenant.http.get(f"{finished.url}/report")
    assert answer.status_code == 200
    assert answer.content == finished.report
    assert answer.headers["Content-Type"] == "application/json"
    tag = answer.headers["ETag"]
    assert tag == f'"{hashlib.sha256(finished.report).hexdigest()}"'
    same = tenant.http.get(f"{finished.url}/report", headers={"If-None-Match": tag})
    assert (same.status_code, same.content) == (304, b"")
    job = tenant.http.get(finished.url).json()
    assert job["state"] == "succeeded"
    assert job["result"]["counts"] == answer.json()["counts"]
    assert job["environment"] == answer.json()["environment"]


def test_points_come_in_pages(tenant: Tenant, finished: Finished) -> None:
    url = f"{finished.url}/points"
    points = json.loads(finished.report)["points"]
    everything = tenant.http.get(url).json()
    assert everything == {"items": points, "next_cursor": None}
    first = tenant.http.get(url, params={"limit": 2, "label": "critical"}).json()
    second = tenant.http.get(
        url, params={"limit": 2, "label": "critical", "cursor": first["next_cursor"]}
    ).json()
    critical = [it for it in points if it["label"] == "critical"]
    assert first["items"] + second["items"] == critical
    assert len(first["items"]) == 2
    assert second["next_cursor"] is None
    for cursor in ("x", "cG9pbnQg", "@@@@", "\u00e9"):
        bad = tenant.http.get(url, params={"cursor": cursor})
        assert (bad.status_code, bad.json()["code"]) == (422, "bad_cursor")


def test_a_report_of_an_earlier_version_is_completed(
    tenant: Tenant, finished: Finished
) -> None:
    job = finished.url.rsplit("/", 1)[1]
    tenant.stores.blobs.put(report_key(tenant.name, job), EARLIER_REPORT)
    written = json.loads(EARLIER_REPORT.read_bytes())
    assert "search" not in written

    answer = tenant.http.get(f"{finished.url}/report")
    tag = answer.headers["ETag"]
    page = tenant.http.get(f"{finished.url}/points").json()

    report = answer.json()
    assert tag == f'"{hashlib.sha256(answer.content).hexdigest()}"'
    assert holds(report, written)
    assert report["search"] is None
    assert page == {"items": report["points"], "next_cursor": None}
    (spectrum,) = (point["spectrum"] for point in report["points"])
    assert spectrum["order"] == written["problem"]["parameters"]
    assert spectrum["converged_values"] == {
        "largest": [True, True],
        "smallest": [True, True],
    }
    assert not spectrum["complete"]
    found = Report.model_validate_json(EARLIER_REPORT.read_bytes())
    assert found == Report.model_validate_json(answer.content)


def holds(value: object, part: object) -> bool:
    """Whether whatever is in the part is in the value, too."""
    if isinstance(value, dict) and isinstance(part, dict):
        return all(key in value and holds(value[key], part[key]) for key in part)
    if isinstance(value, list) and isinstance(part, list):
        return len(value) == len(part) and all(map(holds, value, part))
    return value == part


def test_artifacts_are_downloaded_whole_or_in_part(
    tenant: Tenant, finished: Finished
) -> None:
    url = f"{finished.url}/artifacts/points.safetensors"
    whole = tenant.http.get(url)
    assert whole.content == ARTIFACT
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Disposition"].startswith("attachment")
    tag = whole.headers["ETag"]
    assert tenant.http.get(url, headers={"If-None-Match": tag}).status_code == 304
    part = tenant.http.get(url, headers={"Range": "bytes=250-259"})
    assert part.status_code == 206
    assert part.content == ARTIFACT[250:260]
    assert part.headers["Content-Range"] == "bytes 250-259/1024"
    beyond = tenant.http.get(url, headers={"Range": "bytes=1024-"})
    assert (beyond.status_code, beyond.json()["code"]) == (416, "range_not_satisfiable")
    assert beyond.headers["Content-Range"] == "bytes */1024"
    other = tenant.http.get(url, headers={"Range": "bytes=0-1", "If-Range": '"x"'})
    assert (other.status_code, other.content) == (200, ARTIFACT)


@pytest.mark.parametrize("name", ["nothing.bin", "..%2Freport.json", "report.json"])
def test_other_artifacts_are_not_there(
    tenant: Tenant, finished: Finished, name: str
) -> None:
    answer = tenant.http.get(f"{finished.url}/artifacts/{name}")
    assert answer.status_code == 404


def test_an_unfinished_job_has_no_report(tenant: Tenant) -> None:
    url = tenant.http.post("/v1/jobs", json=quartic()).json()["urls"]["self"]
    for resource in ("report", "points"):
        answer = tenant.http.get(f"{url}/{resource}")
        assert (answer.status_code, answer.json()["code"]) == (404, "report_not_ready")
    answer = tenant.http.get(f"{url}/artifacts/points.safetensors")
    assert (answer.status_code, answer.json()["code"]) == (404, "artifact_not_found")


def test_a_cancelled_job_keeps_what_it_found(
    tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    before = len(queue.published)
    url = tenant.http.post("/v1/jobs", json=quartic()).json()["urls"]["self"]
    shards = queue.published[before:]
    (claim,) = claim_all(tenant.stores, shards)
    assert tenant.http.post(f"{url}/cancel").status_code == 202
    content = conclude(tenant.stores, [claim], tmp_path, artifacts={})
    assert tenant.http.get(url).json()["state"] == "cancelled"
    assert tenant.http.get(f"{url}/report").content == content
