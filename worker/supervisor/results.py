"""What a runner left in its folder, checked before anybody else sees it."""

import re
import stat
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from service.schemas.reports import Artifact, Point, Report
from service.stores.blobs.base import BlobStore, artifact_key, report_key, shard_key
from service.stores.jobs.shards import Claim
from worker.protocol import CHECKPOINT, POINTS, REPORT, SHARD_FILES, start_file

_POINTS: TypeAdapter[list[Point]] = TypeAdapter(list[Point])
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class ResultsInvalid(Exception):
    """The runner's files are not what they should be."""


def store_shard(blobs: BlobStore, claim: Claim, folder: Path) -> None:
    """Puts a shard's results into the blob store.

    Raises:
        ResultsInvalid: If its points are not those of the claim.
    """
    if not _is_plain(folder / POINTS):
        raise ResultsInvalid(f"{POINTS} is missing")
    try:
        points = _POINTS.validate_json((folder / POINTS).read_bytes())
    except ValueError as error:
        raise ResultsInvalid(f"{POINTS} does not fit its schema") from error
    starts = [point.start for point in points]
    expected = range(claim.first, claim.first + claim.count)
    if len(set(starts)) != len(starts) or not set(starts) <= set(expected):
        raise ResultsInvalid(f"{POINTS} has other starts than were asked for")
    for name in SHARD_FILES:
        if _is_plain(folder / name):
            blobs.put(_key(claim, claim.number, name), folder / name)
    _store_start_files(blobs, claim, folder)


def store_checkpoint(blobs: BlobStore, claim: Claim, folder: Path) -> None:
    """Puts the latest checkpoint, and what it takes as done, into the blob store."""
    _store_start_files(blobs, claim, folder)
    if _is_plain(folder / CHECKPOINT):
        blobs.put(_key(claim, claim.number, CHECKPOINT), folder / CHECKPOINT)


def fetch_checkpoint(blobs: BlobStore, claim: Claim, folder: Path) -> None:
    """Fetches the checkpoint of an earlier attempt, if it left one."""
    _fetch(blobs, _key(claim, claim.number, CHECKPOINT), folder / CHECKPOINT)


def fetch_shards(
    blobs: BlobStore, claim: Claim, numbers: Sequence[int], folder: Path
) -> list[Path]:
    """Returns one folder with the results of each shard."""
    folders = [folder / str(number) for number in numbers]
    for number, path in zip(numbers, folders, strict=True):
        path.mkdir(parents=True)
        for name in SHARD_FILES:
            _fetch(blobs, _key(claim, number, name), path / name)
        if _has_eigenvectors(claim):
            for point in _POINTS.validate_json((path / POINTS).read_bytes()):
                name = start_file(point.start)
                _fetch(blobs, _key(claim, number, name), path / name)
    return folders


def store_report(blobs: BlobStore, claim: Claim, folder: Path) -> Report:
    """Puts a report and its artifacts into the blob store.

    Returns:
        The report.

    Raises:
        ResultsInvalid: If the report is not one of this job, or its artifacts are not
            what it says.
    """
    if not _is_plain(folder / REPORT):
        raise ResultsInvalid(f"{REPORT} is missing")
    try:
        report = Report.model_validate_json((folder / REPORT).read_bytes())
    except ValueError as error:
        raise ResultsInvalid(f"{REPORT} does not fit its schema") from error
    if report.job_id != claim.job_id:
        raise ResultsInvalid(f"{REPORT} is of another job")
    for artifact in report.artifacts:
        _store_artifact(blobs, claim, artifact, folder)
    blobs.put(report_key(claim.tenant, claim.job_id), folder / REPORT)
    return report


def _store_start_files(blobs: BlobStore, claim: Claim, folder: Path) -> None:
    """Puts files of starts into the blob store; one that is there does not change."""
    if not _has_eigenvectors(claim):
        return
    for start in range(claim.first, claim.first + claim.count):
        path = folder / start_file(start)
        key = _key(claim, claim.number, path.name)
        if _is_plain(path) and not _is_there(blobs, key):
            blobs.put(key, path)


def _has_eigenvectors(claim: Claim) -> bool:
    spectrum = claim.specification.spectrum
    return spectrum is not None and spectrum.eigenvectors


def _is_there(blobs: BlobStore, key: str) -> bool:
    try:
        blobs.size(key)
    except KeyError:
        return False
    return True


def _store_artifact(
    blobs: BlobStore, claim: Claim, artifact: Artifact, folder: Path
) -> None:
    path = folder / artifact.name
    if not _NAME.fullmatch(artifact.name) or not _is_plain(path):
        raise ResultsInvalid("an artifact is missing")
    info = blobs.put(artifact_key(claim.tenant, claim.job_id, artifact.name), path)
    if (info.bytes, info.sha256) != (artifact.bytes, artifact.sha256):
        raise ResultsInvalid("an artifact is not what the report says")


def _fetch(blobs: BlobStore, key: str, path: Path) -> None:
    try:
        blobs.fetch(key, path)
    except KeyError:
        path.unlink(missing_ok=True)


def _key(claim: Claim, number: int, name: str) -> str:
    return shard_key(claim.tenant, claim.job_id, number, name)


def _is_plain(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
