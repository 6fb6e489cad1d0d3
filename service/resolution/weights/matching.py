"""Uploaded tensors as those of a problem."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.findings import Findings, Location
from service.resolution.parameters import Entry, Shape
from service.resolution.weights.mapping import mapped
from service.resolution.weights.name_words import unwrapped
from service.resolution.weights.structure import Ambiguity, by_structure
from service.resolution.weights.uploads import MISMATCH, Upload, is_statistic, parts
from service.schemas.problems import Source


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Which tensor is which parameter or buffer.

    Attributes:
        parameter_map: Our names, all of them, to the uploaded ones.
        points: Number of uploaded points.
        buffers: Whether every point has buffers of its own.
    """

    parameter_map: dict[str, Source]
    points: int
    buffers: bool


def match(
    entries: Sequence[Entry], upload: Upload, problem: Location, findings: Findings
) -> Matching | None:
    """Finds the tensor of every parameter, and of the buffers where there are any.

    Equal names match; else the structure of the names does, where that is clear; a
    parameter map settles it, and lets the file hold other tensors.

    Args:
        entries: Our tensors, in order.
        upload: The file.
        problem: Where the problem stands in the request.
        findings: Where what is missing, left over or misshapen is noted.

    Returns:
        The matching, or ``None`` if there is none.
    """
    given = upload.parameter_map or {}
    statistics = any(map(is_statistic, upload.floating))
    wanted = [
        entry
        for entry in entries
        if not entry.buffer or statistics or entry.name in given
    ]
    if upload.parameter_map is not None:
        names = mapped(wanted, upload, given, problem / "parameter_map", findings)
    else:
        names = _unmapped(wanted, upload, problem / "weights_file_id", findings)
    if not names:
        return None
    points = {upload.points(part) for name in names.values() for part in parts(name)}
    if len(points) > 1 or 0 in points:
        findings.add(
            problem / "stacked",
            MISMATCH,
            "The leading dimensions, one entry a point, differ between tensors.",
        )
        return None
    misshapen = _misshapen(names, wanted, upload)
    findings.add_all(problem / "weights_file_id", MISMATCH, misshapen)
    if misshapen:
        return None
    return Matching(
        parameter_map=names,
        points=points.pop(),
        buffers=any(entry.buffer for entry in wanted),
    )


def _unmapped(
    entries: Sequence[Entry], upload: Upload, at: Location, findings: Findings
) -> dict[str, Source] | None:
    """Equal names, else what their structure says."""
    shapes = upload.floating
    if equal := _equal_names(entries, shapes):
        return equal
    found = by_structure(entries, shapes)
    if isinstance(found, dict):
        return found
    if found is None:
        _explain_mismatch(entries, upload, at, findings)
    else:
        _explain_ambiguity(found, at, findings)
    return None


def _equal_names(
    entries: Sequence[Entry], shapes: Mapping[str, Shape]
) -> dict[str, Source] | None:
    """The matching, if names are equal but for what wraps the whole network."""
    by_name = {unwrapped(name): name for name in shapes}
    if not entries or len(by_name) != len(entries):
        return None
    first = entries[0].name
    prefixes = {name.removesuffix(first) for name in by_name if name.endswith(first)}
    for prefix in prefixes:
        if prefix and not prefix.endswith("."):
            continue
        names = {each.name: by_name.get(f"{prefix}{each.name}") for each in entries}
        found: dict[str, Source] = {k: v for k, v in names.items() if v is not None}
        if len(found) == len(entries):
            return found
    return None


def _explain_ambiguity(found: Ambiguity, at: Location, findings: Findings) -> None:
    findings.add(
        at,
        MISMATCH,
        "The names can be understood in several ways: give a parameter_map.",
    )
    could = [
        f"{name} could be {_written(one)} or {_written(other)}."
        for name, (one, other) in found.candidates.items()
    ]
    findings.add_all(at, MISMATCH, could)


def _explain_mismatch(
    entries: Sequence[Entry], upload: Upload, at: Location, findings: Findings
) -> None:
    shapes = upload.floating
    ours = {entry.name: entry.shape for entry in entries}
    missing = [name for name in ours if name not in shapes]
    if missing and sorted(shapes.values()) == sorted(ours.values()):
        findings.add(
            at,
            MISMATCH,
            "All shapes are there, but the names do not put them in the order of the "
            "layers: give a parameter_map.",
        )
    left_over = [name for name in shapes if name not in ours]
    same: dict[str, Source] = {name: name for name in ours if name in shapes}
    for details in (
        [f"Missing: {name} {list(ours[name])}." for name in missing],
        [f"Left over: {name} {list(shapes[name])}." for name in left_over],
        list(_turned({name: shapes[name] for name in left_over}, {*ours.values()})),
        _misshapen(same, entries, upload),
    ):
        findings.add_all(at, MISMATCH, details)


def _turned(shapes: Mapping[str, Shape], ours: Collection[Shape]) -> Iterator[str]:
    """Tensors that are ours but for how other libraries lay them out."""
    for name, shape in shapes.items():
        if shape in ours:
            continue
        match shape:
            case (rows, columns) if (columns, rows) in ours:
                yield (
                    f"Transposed: {name} {list(shape)}. Linear layers have (outputs, "
                    "inputs): transpose all of such layers, square ones too."
                )
            case (1, *rest) if tuple(rest) in ours:
                yield f"Leading dimension of one: {name} {list(shape)}. Leave it out."
            case _:
                pass


def _misshapen(
    names: Mapping[str, Source], entries: Sequence[Entry], upload: Upload
) -> list[str]:
    found = ((each, names[each.name]) for each in entries if each.name in names)
    return [
        f"Misshapen: {_written(source)} is {list(shape or ())}, not "
        f"{list(entry.shape)}."
        for entry, source in found
        if (shape := upload.joined_shape(source)) != entry.shape
    ]


def _written(source: Source) -> str:
    return " + ".join(parts(source))
