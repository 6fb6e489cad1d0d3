"""Reads a page of metrics as Prometheus does, strictly."""

import re

_SAMPLE = re.compile(
    r"(?P<name>[a-z_:][a-z0-9_:]*)"
    r'(?:\{(?P<labels>[a-z_]+="(?:[^"\\\n]|\\["\\n])*"(?:,[a-z_]+="(?:[^"\\\n]|\\["\\n])*")*)\})?'
    r" (?P<value>\S+)"
)
_LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')

Sample = tuple[str, frozenset[tuple[str, str]]]


def parse(page: str) -> dict[Sample, float]:
    """The samples by name and labels; each family is declared before, and once."""
    assert page.endswith("\n")
    declared: dict[str, str] = {}
    samples: dict[Sample, float] = {}
    for line in page.splitlines():
        if line.startswith("# HELP "):
            assert line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in declared
            declared[name] = kind
        else:
            match = _SAMPLE.fullmatch(line)
            assert match is not None, line
            family = re.sub(r"_(bucket|sum|count)$", "", match["name"])
            assert match["name"] in declared or declared[family] == "histogram"
            key = (match["name"], frozenset(_LABEL.findall(match["labels"] or "")))
            assert key not in samples
            samples[key] = float(match["value"])
    return samples


def value(samples: dict[Sample, float], name: str, **labels: str) -> float:
    """One sample's value, 0 where there is none."""
    return samples.get((name, frozenset(labels.items())), 0.0)
