"""What points have beside their parameters: the statistics of batch norms."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn

from service.schemas.problems import NetworkProblem
from service.schemas.starts import RandomStarts, Starts, WeightsStarts
from worker.errors import RunError
from worker.networks import weights as files
from worker.networks.buffers import buffer_layout


def buffers_of(
    module: nn.Module,
    problem: NetworkProblem,
    weights: Path | None,
    chosen: Starts,
    starts: Sequence[int],
) -> dict[str, Tensor]:
    """The buffers that all of some starts have.

    Args:
        module: The network.
        problem: Its specification.
        weights: Uploaded weights, where there are any.
        chosen: Where starts come from.
        starts: Numbers of the starts.

    Returns:
        Values by name: the module's own for random starts, and where the file has none.

    Raises:
        RunError: If the starts have different ones (``starts_invalid``).
    """
    own = dict(module.named_buffers())
    names = problem.parameter_map
    if weights is None or isinstance(chosen, RandomStarts):
        return own
    layout = buffer_layout(module).among(own if names is None else names)
    if not layout.names:
        return own
    points = files.read(
        weights, layout, parameter_map=names or {}, stacked=problem.stacked
    )
    first = points[starts[0] % len(points)]
    if isinstance(chosen, WeightsStarts):
        for start in starts:
            if not points[start % len(points)].equal(first):
                message = "starts of one shard have different statistics"
                raise RunError("starts_invalid", message)
    values = layout.unflatten(first[None])
    return own | {name: value[0] for name, value in values.items()}
