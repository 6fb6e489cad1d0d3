"""Points are judged alike, whichever finder led there."""

import torch

from tests.support.numerics.finders import FINDERS, SECOND_ORDER
from tests.support.numerics.objectives import quartic
from tests.support.numerics.problems import linear_autoencoder
from worker.classification.labels import Kind, Label, Thresholds, kind, label
from worker.classification.measures import measure
from worker.finders.loop.search import search
from worker.objectives.base import Objective

THRESHOLDS = Thresholds(
    squared_gradient_norm=1e-10, flatness=0.9, zero_eigenvalue=1e-5, relative=False
)


def judged(objective: Objective, theta: torch.Tensor) -> list[tuple[Label, Kind]]:
    found = measure(
        objective.linearise(theta),
        THRESHOLDS,
        dense_limit=2000,
        seed=0,
        starts=range(len(theta)),
    )
    signs = zip(
        found.inertia.negative.tolist(),
        found.inertia.zero.tolist(),
        found.inertia.positive.tolist(),
        strict=True,
    )
    pairs = zip(
        found.squared_gradient_norm.tolist(),
        found.relative_residual.tolist(),
        strict=True,
    )
    return [
        (label(square, residual, THRESHOLDS), kind(*counts))
        for (square, residual), counts in zip(pairs, signs, strict=True)
    ]


def test_of_the_quartic(device: torch.device) -> None:
    """Ends at the same place have the same label and kind."""
    starts = torch.tensor(
        [[-3.5, 0.4], [-2.5, -0.3], [1.42, 0.02], [1.41, -0.01]],
        dtype=torch.float64,
        device=device,
    )
    objective = quartic(device)
    ends = torch.cat(
        [
            search(objective, finder, starts, max_iterations=300).theta
            for finder in FINDERS.values()
        ]
    )

    verdicts = judged(objective, ends)

    critical = (ends - ends.new_tensor([-3.0, 0.0])).norm(dim=1) < 1e-3
    flat = (ends - ends.new_tensor([2.0**0.5, 0.0])).norm(dim=1) < 1e-3
    assert (critical | flat).all()
    assert critical.sum() >= 2 * len(FINDERS)
    assert flat.sum() >= 8
    for verdict, is_critical in zip(verdicts, critical.tolist(), strict=True):
        if is_critical:
            assert verdict == (Label.CRITICAL, Kind.MINIMUM)
        else:
            assert verdict[0] is Label.GRADIENT_FLAT


def test_of_a_linear_autoencoder(device: torch.device) -> None:
    """Points of one loss are of one class, and judged alike."""
    case = linear_autoencoder(4, 1, count=8, success=0.0, device=device)
    verdicts: dict[float, set[tuple[Label, Kind]]] = {}
    finders_there: dict[float, set[str]] = {}
    for name, finder in SECOND_ORDER.items():
        found = search(case.objective, finder, case.starts, max_iterations=100)
        for value, verdict in zip(
            found.value.tolist(), judged(case.objective, found.theta), strict=True
        ):
            if verdict[0] is Label.CRITICAL:
                verdicts.setdefault(round(value, 6), set()).add(verdict)
                finders_there.setdefault(round(value, 6), set()).add(name)

    assert any(len(names) == len(SECOND_ORDER) for names in finders_there.values())
    assert all(len(found) == 1 for found in verdicts.values())
