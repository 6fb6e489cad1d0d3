"""A parameter map, checked and completed."""

from collections.abc import Mapping, Sequence

from service.resolution.findings import Findings, Location
from service.resolution.parameters import Entry
from service.resolution.weights.uploads import MISMATCH, Upload, parts
from service.schemas.problems import Source


def mapped(
    entries: Sequence[Entry],
    upload: Upload,
    given: Mapping[str, Source],
    at: Location,
    findings: Findings,
) -> dict[str, Source] | None:
    """The map, completed: with statistics beside weights that it maps, and equal names.

    Args:
        entries: Our tensors.
        upload: The file.
        given: Our names to the uploaded ones, as far as the client says.
        at: Where that stands in the request.
        findings: Where what does not fit is noted.

    Returns:
        All our names to the uploaded ones, or ``None`` if something does not fit.
    """
    before = len(findings.errors)
    ours = {entry.name for entry in entries}
    for name, source in given.items():
        if name not in ours:
            findings.add(
                at / name, "parameter_not_found", "There is no such parameter."
            )
        elif any(part not in upload.tensors for part in parts(source)):
            findings.add(at / name, "tensor_not_found", "The file has no such tensor.")
    names = {entry.name: _source(entry, given, upload) for entry in entries}
    missing = [
        f"Missing: {entry.name} {list(entry.shape)}."
        for entry in entries
        if entry.name not in given and names[entry.name] not in upload.tensors
    ]
    findings.add_all(at, MISMATCH, missing)
    _check_owners(names, upload, at, findings)
    return names if len(findings.errors) == before else None


def _source(entry: Entry, given: Mapping[str, Source], upload: Upload) -> Source:
    if entry.name in given:
        return given[entry.name]
    module, _, role = entry.name.rpartition(".")
    weight = given.get(f"{module}.weight")
    if entry.buffer and isinstance(weight, str):
        beside = weight.removesuffix("weight") + role
        if beside in upload.tensors:
            return beside
    return entry.name


def _check_owners(
    names: Mapping[str, Source], upload: Upload, at: Location, findings: Findings
) -> None:
    """Notes uploaded tensors that are to be two of ours."""
    seen: set[str] = set()
    for name, source in names.items():
        for part in parts(source):
            if part in seen and part in upload.tensors:
                findings.add(
                    at / name, "tensor_used_twice", "Another parameter is this tensor."
                )
            seen.add(part)
