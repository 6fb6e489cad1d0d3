"""A client of the generator that serves most languages drives a live server."""

import hashlib
from collections.abc import Iterator

import pytest

from service.queue import InMemoryQueue
from tests.support.generated_client import (
    OTHER_PACKAGE,
    GeneratedClient,
    generate_with_java,
    importable,
)
from tests.support.requests.job_bodies import regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.live_api import Tenant

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratedClient]:
    folder = generate_with_java(tmp_path_factory.mktemp("generated"))
    with importable(folder, OTHER_PACKAGE) as client:
        yield client


def test_from_upload_to_refusal(
    generated: GeneratedClient, tenant: Tenant, queue: InMemoryQueue
) -> None:
    api = generated[""]
    configuration = api.Configuration(host=tenant.api.url, access_token=tenant.key)
    with api.ApiClient(configuration) as client:
        files, jobs = api.FilesApi(client), api.JobsApi(client)
        weights = files.upload_file(purpose="weights", body=weights_of(3, 4, 2))
        data = files.upload_file(purpose="dataset", body=regression_data(20, 3, 2))
        assert data.tensor_count == 2
        before = len(queue.published)
        body = regression(weights.id, data.id, [3, 4, 2])
        job = jobs.create_job(api.JobRequest.from_dict(body))
        assert job.state == "queued"
        assert job.problem.actual_instance.architecture.actual_instance.kind == "mlp"
        assert len(queue.published) == before + 1
        with pytest.raises(generated["exceptions"].NotFoundException) as refused:
            api.ReportsApi(client).get_report(job.id)
        assert refused.value.data.code == "report_not_ready"
        assert jobs.list_jobs(limit=1).items[0].id == job.id


def test_a_file_in_slices(generated: GeneratedClient, tenant: Tenant) -> None:
    api = generated[""]
    content = weights_of(30, 30)
    configuration = api.Configuration(host=tenant.api.url, access_token=tenant.key)
    with api.ApiClient(configuration) as client:
        uploads = api.UploadsApi(client)
        upload = uploads.create_upload(
            api.UploadRequest(
                purpose="weights",
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
        for end in (100, len(content)):
            piece = content[upload.offset : end]
            upload = uploads.append_upload(
                upload.id, upload_offset=upload.offset, body=piece
            )
    assert upload.file.bytes == len(content)
