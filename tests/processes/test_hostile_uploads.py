"""The hostile files against a real API process: named, soon, and in little memory."""

from collections.abc import Iterator

import httpx
import pytest

from tests.support.hostile.file import MIB
from tests.support.hostile.files import HOSTILE_FILES
from tests.support.hostile.sizes import LARGE_FILES
from tests.support.requests.tensors import weights_of
from tests.support.servers.api_process import ApiProcess, api_process

pytestmark = [pytest.mark.servers, pytest.mark.slow]

CORPUS = HOSTILE_FILES | LARGE_FILES
SECONDS = 1.0
GROWTH = 50 * MIB


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiProcess]:
    with api_process(tmp_path_factory.mktemp("hostile")) as running:
        # What a first upload imports and a parser keeps is not growth.
        for content in (weights_of(3, 2), b""):
            upload(running, content, "weights")
        yield running


def upload(api: ApiProcess, content: bytes, purpose: str) -> httpx.Response:
    return api.http.post(
        f"/v1/files?purpose={purpose}",
        content=content,
        headers={"Content-Type": "application/octet-stream"},
    )


@pytest.mark.parametrize("name", CORPUS)
def test_a_hostile_file_is_refused(api: ApiProcess, name: str) -> None:
    file = CORPUS[name]
    content = file.build()
    before, spent = api.resident(), api.processor_seconds()
    api.forget_peak()
    answer = upload(api, content, file.purpose)
    assert api.processor_seconds() - spent < SECONDS
    assert api.resident("VmHWM") - before < GROWTH
    assert answer.status_code == 422, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    code = "weights_invalid" if file.purpose == "weights" else "dataset_invalid"
    assert problem["code"] == code
    assert [it["code"] for it in problem["errors"]] == [file.reason]
    assert len(answer.content) < 2000


def test_all_of_them_together_leave_nothing_behind(api: ApiProcess) -> None:
    before = api.resident()
    for file in CORPUS.values():
        upload(api, file.build(), file.purpose)
    assert api.resident() - before < GROWTH
    assert api.http.get("/v1/me").json()["usage"]["stored_bytes"] == len(
        weights_of(3, 2)
    )
