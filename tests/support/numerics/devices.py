"""The devices that numerics are tested on."""

from dataclasses import fields, replace
from typing import TYPE_CHECKING, TypeVar

import pytest
import torch
from torch import Tensor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Found = TypeVar("Found", bound="DataclassInstance")

CPU = torch.device("cpu")
DEVICES = ["cpu"]
if torch.cuda.is_available():
    DEVICES.append("cuda")


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(name, marks=pytest.mark.gpu) if name == "cuda" else name
        for name in DEVICES
    ],
)
def device(request: pytest.FixtureRequest) -> torch.device:
    """The CPU, and a GPU where there is one."""
    return torch.device(request.param)


def on_cpu(found: Found) -> Found:
    """A result with its tensors on the CPU."""
    moved = {
        each.name: value.cpu()
        for each in fields(found)
        if isinstance(value := getattr(found, each.name), Tensor)
    }
    return replace(found, **moved)
