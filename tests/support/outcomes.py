"""Ends of jobs without a worker: what a worker would have written, written here."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from service.schemas.environment import Environment
from service.schemas.jobs import JobError
from service.schemas.reports import Artifact, Label
from service.schemas.specifications import Specification
from service.stores.blobs.base import artifact_key, report_key
from service.stores.bundle import Stores
from service.stores.jobs.shards import Claim
from tests.support.reports import point_of, report_of

ENVIRONMENT = Environment(gradflat="0", torch="0", python="3", device="cpu", threads=1)
EARLIER_REPORT = Path(__file__).parents[1] / "data" / "earlier_report.json"
LABELS: tuple[Label, ...] = ("critical", "gradient_flat", "unconverged")


def claim_all(stores: Stores, shard_ids: list[str]) -> list[Claim]:
    """Claims of these shards, as one worker would make them."""
    claims = [
        stores.shards.claim(it, worker="test", lease_seconds=60) for it in shard_ids
    ]
    assert all(claims)
    return cast("list[Claim]", claims)


def succeed(
    stores: Stores,
    shard_ids: list[str],
    folder: Path,
    *,
    artifacts: dict[str, bytes] | None = None,
) -> bytes:
    """Ends a job well; returns its report."""
    return conclude(
        stores, claim_all(stores, shard_ids), folder, artifacts=artifacts or {}
    )


def conclude(
    stores: Stores,
    claims: list[Claim],
    folder: Path,
    *,
    artifacts: dict[str, bytes],
) -> bytes:
    """Ends a job whose shards are all claimed; returns its report."""
    last = [it for it in claims if stores.shards.store_results(it.token)]
    assert len(last) == 1
    claim = last[0]
    described: list[Artifact] = []
    for name, content in artifacts.items():
        described.append(
            Artifact(
                name=name,
                bytes=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
            )
        )
        (folder / name).write_bytes(content)
        stores.blobs.put(artifact_key(claim.tenant, claim.job_id, name), folder / name)
    starts = range(sum(it.count for it in claims))
    report = report_of(
        claim.job_id,
        Specification.model_validate(
            claim.specification.model_dump(
                include=set(Specification.model_fields), mode="python"
            )
        ),
        [point_of(start, LABELS[start % len(LABELS)]) for start in starts],
        artifacts=described,
        environment=ENVIRONMENT,
        at=datetime.now(UTC),
    )
    content = report.model_dump_json().encode()
    (folder / "report.json").write_bytes(content)
    stores.blobs.put(report_key(claim.tenant, claim.job_id), folder / "report.json")
    assert stores.shards.finish(
        claim.token,
        outcome=report.outcome,
        counts=report.counts,
        environment=ENVIRONMENT,
        artifacts=described,
    )
    return content


def fail(stores: Stores, shard_ids: list[str], code: str) -> None:
    """Ends a job as failed."""
    claim, *_ = claim_all(stores, shard_ids)
    error = JobError(code=code, message="It failed.", retryable=False, details={})
    assert stores.shards.fail(claim.token, error)
