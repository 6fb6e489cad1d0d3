"""Results of jobs: the report, its points, and the artifacts."""

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from pydantic import ValidationError

from service.errors import (
    ArtifactNotFound,
    BadCursor,
    JobFailed,
    JobNotFound,
    ReportNotReady,
)
from service.schemas.jobs import TERMINAL_STATES
from service.schemas.reports import Artifact, Label, PointPage, Report
from service.stores.blobs.base import BlobStore, artifact_key, report_key
from service.stores.jobs.jobs import JobStore

_REPORTS_KNOWN = 4096


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReport:
    """Where a report lies, and what is served of it.

    Attributes:
        key: In the blob store.
        size: In bytes, as it is served.
        sha256: As it is served.
        earlier: Whether an earlier version wrote it, with fewer fields.
    """

    key: str
    size: int
    sha256: str
    earlier: bool


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Reads what workers have stored of a job."""

    jobs: JobStore
    blobs: BlobStore
    _known: dict[str, StoredReport] = field(default_factory=dict[str, StoredReport])

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
            return self._examined(key)
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
        report = Report.model_validate_json(self._whole(stored.key))
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

    def content(self, report: StoredReport) -> Iterator[bytes]:
        """Returns the bytes of a report, with the fields that it lacks."""
        if report.earlier:
            return iter([_completed(self._whole(report.key))])
        return self.read(report.key)

    def _examined(self, key: str) -> StoredReport:
        if key not in self._known:
            if len(self._known) >= _REPORTS_KNOWN:
                self._known.clear()
            written = b"".join(self.blobs.read(key))
            content = _completed(written)
            self._known[key] = StoredReport(
                key=key,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                earlier=content != written,
            )
        return self._known[key]

    def _whole(self, key: str) -> bytes:
        return b"".join(self.read(key))


def _completed(written: bytes) -> bytes:
    """Adds what an earlier version did not write; leaves what a later one wrote."""
    try:
        return Report.model_validate_json(written).model_dump_json().encode()
    except ValidationError:
        return written


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
