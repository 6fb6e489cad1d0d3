"""Results of jobs: the report, its points, and the artifacts."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from service.errors import (
    ArtifactNotFound,
    BadCursor,
    JobFailed,
    JobNotFound,
    ReportNotReady,
)
from service.schemas.jobs import TERMINAL_STATES
from service.schemas.reports import Artifact, Label, PointPage, Report
from service.stores.blobs import BlobStore, artifact_key, report_key
from service.stores.jobs import JobStore

_DIGESTS_KEPT = 4096


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """Where a report lies, and what it is."""

    key: str
    size: int
    sha256: str


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Reads what workers have stored of a job."""

    jobs: JobStore
    blobs: BlobStore
    _digests: dict[str, str] = field(default_factory=dict[str, str])

    def report(self, tenant: str, job_id: str) -> StoredReport:
        """Returns the report of a job; it never changes once it is there.

        Raises:
            ReportNotReady: If the job has not ended, or ended without one.
            JobFailed: If it failed.
        """
        record = self.jobs.get(tenant, job_id)
        if record.state not in TERMINAL_STATES:
            raise ReportNotReady(f"The job is {record.state}")
        if record.state == "failed":
            reason = "" if record.error is None else f": {record.error.code}"
            raise JobFailed(f"The job failed{reason}")
        key = report_key(tenant, job_id)
        try:
            return StoredReport(
                key=key, size=self.blobs.size(key), sha256=self._digest(key)
            )
        except KeyError:
            raise ReportNotReady(
                f"The job is {record.state} without a report"
            ) from None

    def points(
        self,
        tenant: str,
        job_id: str,
        *,
        label: Label | None,
        limit: int,
        cursor: str | None,
    ) -> PointPage:
        """A page of the report's points.

        Args:
            tenant: Whose the job is.
            job_id: The job.
            label: Only points with this label.
            limit: Length of the page.
            cursor: Where the page before this one ended.

        Returns:
            The page, with the cursor of the next.
        """
        position = 0 if cursor is None else _position(cursor)
        stored = self.report(tenant, job_id)
        report = Report.model_validate_json(b"".join(self.read(stored.key)))
        matching = [
            (number, point)
            for number, point in enumerate(report.points)
            if number >= position and label in {None, point.label}
        ]
        page, rest = matching[:limit], matching[limit:]
        return PointPage(
            items=[point for _, point in page],
            next_cursor=_cursor(rest[0][0]) if rest else None,
        )

    def artifact(self, tenant: str, job_id: str, name: str) -> tuple[str, Artifact]:
        """Returns the key of an artifact, and what it is.

        Raises:
            ArtifactNotFound: If the job has none of this name, or none yet.
        """
        for artifact in self.jobs.get(tenant, job_id).artifacts:
            if artifact.name == name:
                return artifact_key(tenant, job_id, name), artifact
        raise ArtifactNotFound("The job has no artifact of this name")

    def read(self, key: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """Returns the bytes of a result.

        Raises:
            JobNotFound: If the job was deleted in the meantime.
        """
        try:
            return self.blobs.read(key, start, end)
        except KeyError:
            raise JobNotFound("The job was deleted") from None

    def _digest(self, key: str) -> str:
        if key not in self._digests:
            if len(self._digests) >= _DIGESTS_KEPT:
                self._digests.clear()
            digest = hashlib.sha256()
            for piece in self.blobs.read(key):
                digest.update(piece)
            self._digests[key] = digest.hexdigest()
        return self._digests[key]


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"point {position}".encode()).decode()


def _position(cursor: str) -> int:
    try:
        word, _, number = base64.b64decode(cursor, b"-_", validate=True).partition(b" ")
        if word == b"point" and number.isdigit():
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise BadCursor("Use the next_cursor of the page before")
