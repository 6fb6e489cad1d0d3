"""The page of networks names every layer and every option."""

import re
from pathlib import Path
from typing import get_args

import pytest

from service.schemas.architectures import Layer
from service.schemas.base import Schema

PAGE = Path(__file__).parents[2] / "docs" / "networks.md"
LAYERS: list[type[Schema]] = list(get_args(get_args(Layer)[0]))


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_stands_in_the_table(layer: type[Schema]) -> None:
    kinds = get_args(layer.model_fields["kind"].annotation)
    rows = {
        kind: row
        for row in PAGE.read_text().splitlines()
        if row.startswith("| `")
        for kind in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    for kind in kinds:
        row = rows[kind]
        if "the same" in row:
            row += rows[kind.replace("2d", "1d")]
        for name in layer.model_fields.keys() - {"kind"}:
            assert f"`{name}`" in row
