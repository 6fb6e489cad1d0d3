import io
import json

import click
import pytest
from click.testing import CliRunner

from service import presets
from service.cli.bodies import changed, read_body
from service.cli.presets import presets as command


def test_presets_are_read_by_name() -> None:
    assert read_body(None, "quartic") == json.loads(presets.read("quartic"))


@pytest.mark.parametrize("preset", [None, "quartic"])
def test_it_is_a_file_or_a_preset(preset: str | None) -> None:
    file = None if preset is None else io.BytesIO(b"{}")

    with pytest.raises(click.UsageError, match="either a file or a preset"):
        read_body(file, preset)


def test_another_finder_gets_its_defaults() -> None:
    body = {"finder": {"kind": "newton_mr", "rtol": 0.1}, "seed": 3}

    other = changed(body, finder="damped_newton", starts=None, seed=None)
    same = changed(body, finder="newton_mr", starts=None, seed=None)

    assert other == {"finder": {"kind": "damped_newton"}, "seed": 3}
    assert same == body


def test_number_and_seed_are_replaced() -> None:
    body = {"starts": {"kind": "random", "count": 9}}

    found = changed(body, finder=None, starts=4, seed=7)

    assert found == {"starts": {"kind": "random", "count": 4}, "seed": 7}
    assert body == {"starts": {"kind": "random", "count": 9}}


def test_what_is_no_job_is_left_to_the_server() -> None:
    body = {"starts": 5, "finder": [], "seed": None}

    found = changed(body, finder="none", starts=2, seed=None)

    assert found == {"starts": {"count": 2}, "finder": {"kind": "none"}, "seed": None}


def test_the_command_lists_them() -> None:
    lines = CliRunner().invoke(command).output.splitlines()

    assert [line.split()[0] for line in lines] == presets.names()


@pytest.mark.parametrize("name", presets.names())
def test_the_command_prints_one(name: str) -> None:
    assert CliRunner().invoke(command, [name]).output == presets.read(name)
