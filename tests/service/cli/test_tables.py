from io import StringIO
from pathlib import Path

from rich.console import Console

from service.cli.tables import show_report
from tests.support.shards.pipelines import run_job

SADDLE = {
    "kind": "polynomial",
    "variables": 2,
    "terms": [
        {"coefficient": 3.0, "powers": [2, 0]},
        {"coefficient": -1.0, "powers": [0, 2]},
    ],
}


def rows(folder: Path, spectrum: dict[str, object]) -> list[list[str]]:
    """The cells of the points of a job for the spectrum at one point."""
    body = {
        "problem": SADDLE,
        "starts": {"kind": "explicit", "points": [[1.0, 1.0]]},
        "finder": {"kind": "none"},
        "spectrum": {"kind": "lanczos", **spectrum},
    }
    report = run_job(body, folder, counts=(1,), dense_limit=0)
    text = StringIO()
    show_report(Console(file=text, width=200), report)
    return [line.split() for line in text.getvalue().splitlines()[1:2]]


def test_the_ends_of_a_spectrum_are_shown(tmp_path: Path) -> None:
    ((*_, largest, smallest, products),) = rows(tmp_path, {"top": 1})

    assert (largest, smallest, products) == ("6", "-2", "2")


def test_a_density_alone_is_shown_by_its_products(tmp_path: Path) -> None:
    density = {"steps": 2, "probes": 3}

    ((*_, largest, smallest, products),) = rows(
        tmp_path, {"extremes": False, "density": density}
    )

    assert (largest, smallest, products) == ("-", "-", "6")
