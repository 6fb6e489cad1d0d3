"""A client generated from the committed document, against a live ``gradflat up``."""

import io
from pathlib import Path

import pytest
from safetensors.numpy import load

from tests.support.generated_client import generate, importable
from tests.support.requests.job_bodies import regression
from tests.support.requests.tensors import regression_data, weights_of
from tests.support.servers.stack import Stack

pytestmark = [
    pytest.mark.servers,
    pytest.mark.slow,
    pytest.mark.xdist_group("stack"),
]


def test_upload_submit_wait_report_download(stack: Stack, tmp_path: Path) -> None:
    with importable(generate(tmp_path)) as generated:
        models, types = generated["models"], generated["types"]
        client = generated[""].AuthenticatedClient(
            base_url=stack.url, token=stack.key, raise_on_unexpected_status=True
        )

        def upload(purpose: str, content: bytes) -> str:
            return (
                generated["api.files.upload_file"]
                .sync(
                    client=client,
                    body=types.File(payload=io.BytesIO(content)),
                    purpose=models.UploadFilePurpose(purpose),
                    filename=f"{purpose}.safetensors",
                )
                .id
            )

        with client:
            weights = upload("weights", weights_of(3, 4, 2))
            data = upload("dataset", regression_data(20, 3, 2))
            body = models.JobRequest.from_dict(regression(weights, data, [3, 4, 2]))
            job = generated["api.jobs.create_job"].sync(client=client, body=body)
            while job.finished_at is None:
                job = generated["api.jobs.get_job"].sync(
                    job.id, client=client, prefer="wait=30"
                )
            assert job.state == "succeeded"
            report = generated["api.reports.get_report"].sync(job.id, client=client)
            assert [point.start for point in report.points] == [0, 1, 2, 3]
            points = generated["api.reports.download_artifact"].sync(
                job_id=job.id, name="points.safetensors", client=client
            )
        tensors = load(points.payload.read())
        assert tensors["layers.0.weight"].shape == (4, 4, 3)
