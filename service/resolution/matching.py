"""Uploaded tensors as the parameters of a problem."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import final

from service.resolution.findings import Findings, Location
from service.resolution.natural_order import in_natural_order
from service.resolution.parameters import Shape
from service.schemas.files import TensorSummary

MISMATCH = "weights_do_not_match_architecture"
_LISTED = 20


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """Which tensor is which parameter.

    Attributes:
        parameter_map: Our names, all of them, to the uploaded ones.
        points: Number of uploaded points.
    """

    parameter_map: dict[str, str]
    points: int


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """The weights that a problem names.

    Attributes:
        tensors: Those of the file, by name.
        parameter_map: Our names to the uploaded ones, as far as the client says.
        stacked: Whether every tensor has a leading dimension of points.
    """

    tensors: Mapping[str, TensorSummary]
    parameter_map: Mapping[str, str] | None
    stacked: bool

    def shape(self, name: str) -> Shape:
        """Shape of a tensor, less the dimension of points; that of a scalar is kept."""
        return tuple(self.tensors[name].shape[1 if self.stacked else 0 :])

    def points(self, name: str) -> int:
        """Points in a tensor; none in a scalar that should be stacked."""
        shape = self.tensors[name].shape
        return (shape[0] if shape else 0) if self.stacked else 1


def match(
    parameters: Mapping[str, Shape],
    upload: Upload,
    problem: Location,
    findings: Findings,
) -> Matching | None:
    """Finds the tensor of every parameter.

    Equal names match; else natural order does, where that is clear; a parameter map
    settles it, and lets the file hold other tensors.

    Args:
        parameters: Our names, in order, and shapes.
        upload: The file.
        problem: Where the problem stands in the request.
        findings: Where what is missing, left over or misshapen is noted.

    Returns:
        The matching, or ``None`` if there is none.
    """
    if upload.parameter_map is not None:
        names = _mapped(parameters, upload, problem / "parameter_map", findings)
    else:
        names = _unmapped(parameters, upload, problem / "weights_file_id", findings)
    if not names:
        return None
    points = {upload.points(name) for name in names.values()}
    if len(points) > 1 or 0 in points:
        findings.add(
            problem / "stacked",
            MISMATCH,
            "The leading dimensions, one entry a point, differ between tensors.",
        )
        return None
    misshapen = _misshapen(names, parameters, upload)
    _note(misshapen, problem / "weights_file_id", findings)
    if misshapen:
        return None
    return Matching(parameter_map=names, points=points.pop())


def _mapped(
    parameters: Mapping[str, Shape], upload: Upload, at: Location, findings: Findings
) -> dict[str, str] | None:
    """The map given, completed with equal names."""
    given = upload.parameter_map or {}
    before = len(findings.errors)
    for name, uploaded in given.items():
        if name not in parameters:
            findings.add(
                at / name, "parameter_not_found", "There is no such parameter."
            )
        elif uploaded not in upload.tensors:
            findings.add(at / name, "tensor_not_found", "The file has no such tensor.")
    names = {name: given.get(name, name) for name in parameters}
    missing = [
        f"Missing: {name} {list(shape)}."
        for name, shape in parameters.items()
        if name not in given and name not in upload.tensors
    ]
    _note(missing, at, findings)
    owners: dict[str, str] = {}
    for name, uploaded in names.items():
        if owners.setdefault(uploaded, name) != name and uploaded in upload.tensors:
            findings.add(
                at / name, "tensor_used_twice", "Another parameter is this tensor."
            )
    return names if len(findings.errors) == before else None


def _unmapped(
    parameters: Mapping[str, Shape], upload: Upload, at: Location, findings: Findings
) -> dict[str, str] | None:
    """Equal names, else natural order."""
    if parameters.keys() == upload.tensors.keys():
        return {name: name for name in parameters}
    shapes = {name: upload.shape(name) for name in upload.tensors}
    found = in_natural_order(parameters, shapes)
    if found is not None:
        return found
    missing = [name for name in parameters if name not in shapes]
    left_over = [name for name in shapes if name not in parameters]
    same = {name: name for name in parameters if name in shapes}
    if missing and sorted(shapes.values()) == sorted(parameters.values()):
        findings.add(
            at,
            MISMATCH,
            "The names do not tell tensors of equal shape apart: give a parameter_map.",
        )
    _note(
        (f"Missing: {name} {list(parameters[name])}." for name in missing), at, findings
    )
    _note(
        (f"Left over: {name} {list(shapes[name])}." for name in left_over), at, findings
    )
    _note(_misshapen(same, parameters, upload), at, findings)
    return None


def _misshapen(
    names: Mapping[str, str], parameters: Mapping[str, Shape], upload: Upload
) -> list[str]:
    return [
        f"Misshapen: {uploaded} is {list(upload.shape(uploaded))}, not "
        f"{list(parameters[name])}."
        for name, uploaded in names.items()
        if upload.shape(uploaded) != parameters[name]
    ]


def _note(details: Iterable[str], at: Location, findings: Findings) -> None:
    """Notes the first of many findings, and how many more there are."""
    all_details: Sequence[str] = list(details)
    for detail in all_details[:_LISTED]:
        findings.add(at, MISMATCH, detail)
    if len(all_details) > _LISTED:
        more = len(all_details) - _LISTED
        findings.add(at, MISMATCH, f"And {more} more like the last.")
