"""A client generated from the committed document drives a live server."""

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.queue import InMemoryQueue
from service.stores.blobs.base import report_key
from tests.support.generated_client import GeneratedClient, generate, importable
from tests.support.outcomes import EARLIER_REPORT, succeed
from tests.support.requests.job_bodies import quartic, regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.live_api import Tenant

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GeneratedClient]:
    with importable(generate(tmp_path_factory.mktemp("generated"))) as client:
        yield client


def test_from_upload_to_download(
    generated: GeneratedClient, tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    models, types = generated["models"], generated["types"]
    client = generated[""].AuthenticatedClient(
        base_url=tenant.api.url, token=tenant.key, raise_on_unexpected_status=True
    )

    def upload(purpose: str, content: bytes) -> str:
        file = generated["api.files.upload_file"].sync(
            client=client,
            body=types.File(payload=io.BytesIO(content)),
            purpose=models.UploadFilePurpose(purpose),
            filename=f"{purpose}.safetensors",
        )
        assert isinstance(file, models.StoredFile)
        assert file.bytes_ == len(content)
        return str(file.id)

    with client:
        weights = upload("weights", weights_of(3, 4, 2))
        data = upload("dataset", regression_data(10, 3, 2))
        tensors = generated["api.files.list_file_tensors"].sync(weights, client=client)
        assert [it.name for it in tensors.items][:2] == [
            "layers.0.bias",
            "layers.0.weight",
        ]
        before = len(queue.published)
        body = models.JobRequest.from_dict(regression(weights, data, [3, 4, 2]))
        job = generated["api.jobs.create_job"].sync(client=client, body=body)
        assert isinstance(job, models.Job)
        assert job.state == "queued"
        artifact = bytes(range(256))
        succeed(
            tenant.stores,
            queue.published[before:],
            tmp_path,
            artifacts={"points.safetensors": artifact},
        )
        job = generated["api.jobs.get_job"].sync(job.id, client=client, prefer="wait=5")
        assert job.state == "succeeded"
        report = generated["api.reports.get_report"].sync(job.id, client=client)
        assert isinstance(report, models.Report)
        page = generated["api.reports.list_points"].sync(
            job.id, client=client, label="critical"
        )
        critical = [it for it in report.points if it.label == "critical"]
        assert page.items == critical
        file = generated["api.reports.download_artifact"].sync(
            job_id=job.id, name="points.safetensors", client=client
        )
        assert file.payload.read() == artifact


def test_a_report_of_an_earlier_version(
    generated: GeneratedClient, tenant: Tenant, queue: InMemoryQueue, tmp_path: Path
) -> None:
    models = generated["models"]
    before = len(queue.published)
    job = tenant.http.post("/v1/jobs", json=quartic(starts=1)).json()["id"]
    succeed(tenant.stores, queue.published[before:], tmp_path)
    tenant.stores.blobs.put(report_key(tenant.name, job), EARLIER_REPORT)
    with generated[""].AuthenticatedClient(
        base_url=tenant.api.url, token=tenant.key, raise_on_unexpected_status=True
    ) as client:
        report = generated["api.reports.get_report"].sync(job, client=client)
        page = generated["api.reports.list_points"].sync(job, client=client)
    assert isinstance(report, models.Report)
    assert page.items == report.points


def test_errors_are_typed(generated: GeneratedClient, tenant: Tenant) -> None:
    models = generated["models"]
    client = generated[""].AuthenticatedClient(
        base_url=tenant.api.url, token=tenant.key, raise_on_unexpected_status=True
    )
    with client:
        missing = generated["api.jobs.get_job"].sync("job_0", client=client)
        assert isinstance(missing, models.ProblemDetails)
        assert missing.code == "job_not_found"
        body = models.JobRequest.from_dict(quartic())
        body.problem.terms[0].powers = [1]
        refused = generated["api.jobs.create_job"].sync(client=client, body=body)
        assert isinstance(refused, models.ProblemDetails)
        assert refused.errors[0].pointer.startswith("/problem/terms/0")


def test_a_file_in_slices(generated: GeneratedClient, tenant: Tenant) -> None:
    models, types = generated["models"], generated["types"]
    content = weights_of(300, 100)
    with generated[""].AuthenticatedClient(
        base_url=tenant.api.url, token=tenant.key, raise_on_unexpected_status=True
    ) as client:
        upload = generated["api.uploads.create_upload"].sync(
            client=client,
            body=models.UploadRequest(
                purpose=models.UploadRequestPurpose.WEIGHTS,
                bytes_=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            ),
        )
        while upload.file is None:
            piece = content[upload.offset : upload.offset + 100_000]
            upload = generated["api.uploads.append_upload"].sync(
                upload.id,
                client=client,
                body=types.File(payload=io.BytesIO(piece)),
                upload_offset=upload.offset,
            )
        assert isinstance(upload.file, models.StoredFile)
        elsewhere = generated["api.uploads.append_upload"].sync(
            upload.id,
            client=client,
            body=types.File(payload=io.BytesIO(b"x")),
            upload_offset=1,
        )
        assert elsewhere.code == "upload_offset_conflict"
