"""Bodies of jobs, from files or presets, with a few things changed."""

import json
from collections.abc import Mapping
from typing import IO, Any, cast

import click

from service import presets

Body = dict[str, Any]


def read_body(file: IO[bytes] | None, preset: str | None) -> Body:
    """The job in a file, or the preset of a name.

    Args:
        file: A file of JSON.
        preset: A name.

    Returns:
        The job.

    Raises:
        UsageError: If both are given, or none.
        ClickException: If the file does not hold a JSON object.
    """
    if preset is not None and file is None:
        return cast("Body", json.loads(presets.read(preset)))
    if file is None or preset is not None:
        raise click.UsageError("name either a file or a preset")
    try:
        body = json.load(file)
    except ValueError as error:
        raise click.ClickException(f"{file.name} is not JSON: {error}") from None
    if not isinstance(body, dict):
        raise click.ClickException(f"{file.name} does not hold a JSON object")
    return cast("Body", body)


def changed(
    body: Body, *, finder: str | None, starts: int | None, seed: int | None
) -> Body:
    """The job with what is given in place of its own.

    Args:
        body: The job.
        finder: Kind of a finder, which gets its defaults if it is another one.
        starts: Number of starts.
        seed: The seed.

    Returns:
        Another job.
    """
    changes: Body = {}
    if finder is not None and _fields(body, "finder").get("kind") != finder:
        changes["finder"] = {"kind": finder}
    if starts is not None:
        changes["starts"] = {**_fields(body, "starts"), "count": starts}
    if seed is not None:
        changes["seed"] = seed
    return body | changes


def _fields(body: Body, name: str) -> Body:
    """A part of the job, or nothing where that is for the server to refuse."""
    part = body.get(name)
    return cast("Body", part) if isinstance(part, dict) else {}


def fill_in_files(
    request: Mapping[str, Any], *, weights: str | None, dataset: str | None
) -> dict[str, Any]:
    """Names uploaded files in a job where it leaves them out.

    Args:
        request: Body of a job to create.
        weights: Id of the uploaded weights.
        dataset: Id of the uploaded data set.

    Returns:
        The completed body.
    """
    filled: dict[str, Any] = json.loads(json.dumps(request))
    problem = _object(filled, "problem")
    if weights is not None and problem.get("weights_file_id") is None:
        problem["weights_file_id"] = weights
    if dataset is not None:
        source = _object(problem, "dataset")
        source.setdefault("kind", "file")
        if source["kind"] == "file" and source.get("file_id") is None:
            source["file_id"] = dataset
    return filled


def _object(parent: dict[str, Any], name: str) -> dict[str, Any]:
    value = parent.setdefault(name, {})
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}
