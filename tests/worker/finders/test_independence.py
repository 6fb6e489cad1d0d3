"""What becomes of a run does not depend on the others, nor on interruptions."""

from functools import partial

import pytest
import torch
from torch import Tensor

from tests.support.numerics.finders import FINDERS
from tests.support.numerics.objectives import quartic
from tests.support.numerics.problems import linear_autoencoder, network
from worker.finders.loop.hessians import HessianChoice
from worker.finders.loop.search import search
from worker.finders.loop.state import SearchResult, SearchState

CHOICES: list[HessianChoice] = ["exact", "krylov"]
CASES = {
    "autoencoder": partial(linear_autoencoder, 4, 2, count=5, success=0.0),
    "network": partial(
        network, [2, 2, 2], "tanh", loss="cross_entropy", seed=60, success=0.0
    ),
}
NEAR = torch.tensor([[-4.0, 1.0], [1.4, 0.01], [-2.0, 0.0]], dtype=torch.float64)


def assert_same(one: SearchResult, other: SearchResult, row: int) -> None:
    """The only run of one search and a run of another, up to rounding."""
    assert one.stop[0] is other.stop[row]
    for name in ("iterations", "gradient_evaluations", "hessian_vector_products"):
        assert getattr(one, name)[0] == getattr(other, name)[row], name
    for name in ("theta", "value", "gradient"):
        alone, together = getattr(one, name)[0], getattr(other, name)[row]
        torch.testing.assert_close(
            alone, together, rtol=1e-6, atol=1e-7, equal_nan=True
        )
    width = int(one.iterations[0]) + 1
    for name, trace in one.traces.items():
        together = other.traces[name][row, :width]
        # Where a solve stops, of rtol 5e-4, may hang on a rounding error.
        atol = 1e-3 if "residual" in name else 1e-7
        torch.testing.assert_close(
            trace[0, :width], together, rtol=1e-5, atol=atol, equal_nan=True, msg=name
        )


@pytest.mark.parametrize("hessian", CHOICES)
@pytest.mark.parametrize("problem", CASES)
@pytest.mark.parametrize("kind", FINDERS)
def test_a_run_alone_is_the_same_as_among_others(
    kind: str, problem: str, hessian: HessianChoice, device: torch.device
) -> None:
    case = CASES[problem](device=device)
    starts = case.starts[:4].clone()
    starts[2] *= 1e-9  # ends early or hardly moves: the others go on without it
    together = search(
        case.objective, FINDERS[kind], starts, max_iterations=5, hessian=hessian
    )

    for row in (0, 3):
        alone = search(
            case.objective,
            FINDERS[kind],
            starts[row : row + 1],
            max_iterations=5,
            hessian=hessian,
        )

        assert_same(alone, together, row)


@pytest.mark.parametrize("hessian", CHOICES)
@pytest.mark.parametrize("kind", FINDERS)
def test_a_search_resumes_after_any_iteration_number_for_number(
    kind: str, hessian: HessianChoice, device: torch.device
) -> None:
    states: list[dict[str, Tensor]] = []

    def run(resume: SearchState | None = None) -> SearchState:
        """The last state of a search; it goes on changing until all runs ended."""
        last = [resume]

        def observer(state: SearchState) -> bool:
            last.append(state)
            if resume is None:
                states.append(state.to_tensors())
            return True

        search(
            quartic(device),
            FINDERS[kind],
            NEAR.to(device),
            max_iterations=10,
            hessian=hessian,
            observer=observer,
            resume=resume,
        )
        assert last[-1] is not None
        return last[-1]

    undisturbed = run().to_tensors()

    assert len(states) >= int(undisturbed["iterations"].max())
    for tensors in states:
        resumed = run(SearchState.from_tensors(tensors)).to_tensors()
        assert resumed.keys() == undisturbed.keys()
        for name, tensor in undisturbed.items():
            same = torch.equal(resumed[name].nan_to_num(-1), tensor.nan_to_num(-1))
            assert same, name
