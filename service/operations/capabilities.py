"""What this server can do, read off the schemas."""

from importlib.metadata import version
from typing import Annotated, cast, get_args, get_origin

from service.operations.limits import limits
from service.schemas.account import Capabilities
from service.schemas.architectures import ActivationName, Architecture, Layer
from service.schemas.base import Schema
from service.schemas.datasets import BuiltinDataset, Dataset, Transform
from service.schemas.finders import Finder
from service.schemas.losses import Loss
from service.schemas.problems import Problem
from service.schemas.specifications import Specification
from service.schemas.spectra import LanczosSpectrum
from service.schemas.starts import Starts
from service.settings import Settings


def capabilities(settings: Settings, devices: list[str]) -> Capabilities:
    """Returns kinds, limits and versions.

    Args:
        settings: Of this deployment.
        devices: What the workers at hand compute on.
    """
    return Capabilities(
        version=version("gradflat"),
        problems=kinds(Problem),
        architectures=kinds(Architecture),
        layers=kinds(Layer),
        activations=list(get_args(ActivationName)),
        datasets=kinds(Dataset),
        builtin_datasets=_choices(BuiltinDataset, "name"),
        transforms=kinds(Transform),
        losses=kinds(Loss),
        starts=kinds(Starts),
        finders=kinds(Finder),
        spectra=kinds(LanczosSpectrum),
        precisions=_choices(Specification, "precision"),
        devices=devices,
        limits=limits(settings),
    )


def kinds(union: object) -> list[str]:
    """The values of ``kind`` in a schema or a union of schemas, in order."""
    if get_origin(union) is Annotated:
        union = get_args(union)[0]
    members = get_args(union) or (union,)
    return [
        kind
        for member in members
        for kind in _choices(cast("type[Schema]", member), "kind")
    ]


def _choices(schema: type[Schema], field: str) -> list[str]:
    return list(get_args(schema.model_fields[field].annotation))
