"""The fastest way known to form the exact Hessian of a network."""

from typing import Protocol

from torch import Tensor

from worker.networks.architectures import dense_layers
from worker.objectives.dense_assembly import DenseAssembly
from worker.objectives.graphs import NetworkLoss
from worker.objectives.sequence_assembly import SequenceAssembly
from worker.objectives.sequence_stages import sequence_stages


class Assembly(Protocol):
    """Forms Hessians of a loss summed over a data set."""

    def __call__(self, theta: Tensor) -> Tensor:
        """Hessians ``(runs, parameters, parameters)`` at ``(runs, parameters)``."""
        ...

    @property
    def pieces(self) -> int:
        """Pieces of the data set."""
        ...

    @property
    def together(self) -> int:
        """Runs in one piece."""
        ...


def assembly_of(loss: NetworkLoss, *, kind: str, budget: int) -> Assembly | None:
    """A shortcut to the Hessians of a summed loss.

    Args:
        loss: The loss on the whole data set.
        kind: Its name.
        budget: Bytes that may be used beside the Hessians themselves.

    Returns:
        The assembly; None for networks with unknown layers, shared parameters or
        outputs at several positions for cross-entropy.
    """
    everything = loss.module.named_parameters(remove_duplicate=False)
    if len(list(everything)) > len(loss.layout.names):
        return None  # layers share parameters
    if kind == "cross_entropy" and loss.y.ndim > 1:
        return None  # classes at every position
    x, y = loss.x.flatten(1), loss.y
    dense = dense_layers(loss.module, vectors=loss.x.ndim == x.ndim)
    if dense is not None:
        return DenseAssembly(
            layers=dense, layout=loss.layout, loss=kind, x=x, y=y, budget=budget
        )
    nodes = sequence_stages(loss.module, tuple(loss.x.shape[1:]))
    if nodes is None:
        return None
    y = y if kind == "cross_entropy" else y.flatten(1)
    return SequenceAssembly(
        nodes=nodes, layout=loss.layout, loss=kind, x=x, y=y, budget=budget
    )
