"""The fastest way known to form the exact Hessian of a network."""

from typing import Protocol

from torch import Tensor, nn

from worker.networks.architectures import dense_layers
from worker.objectives.assembly.dense import DenseAssembly
from worker.objectives.assembly.products import ProductAssembly
from worker.objectives.assembly.sequence_stages import sequence_stages
from worker.objectives.assembly.sequences import SequenceAssembly
from worker.objectives.graphs.graphs import NetworkLoss


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


def assembly_of(loss: NetworkLoss, *, kind: str, budget: int) -> Assembly:
    """The way to the Hessians of a summed loss.

    Args:
        loss: The loss on the whole data set.
        kind: Its name.
        budget: Bytes that may be used beside the Hessians themselves.

    Returns:
        The assembly for networks of dense layers alone, for known layers of images, or
        for any network.
    """
    everything = loss.module.named_parameters(remove_duplicate=False)
    shared = len(list(everything)) > len(loss.layout.names)
    if shared or (kind == "cross_entropy" and loss.y.ndim > 1):
        return ProductAssembly(loss=loss, budget=budget)
    x, y = loss.x.flatten(1), loss.y
    dense = dense_layers(loss.module, vectors=loss.x.ndim == x.ndim)
    if dense is not None:
        return DenseAssembly(
            layers=dense, layout=loss.layout, loss=kind, x=x, y=y, budget=budget
        )
    nodes = sequence_stages(loss.module, tuple(loss.x.shape[1:]))
    # Of layers with many weights products along the outputs cost less.
    if nodes is None or not _has_convolutions(loss.module):
        return ProductAssembly(loss=loss, budget=budget)
    y = y if kind == "cross_entropy" else y.flatten(1)
    return SequenceAssembly(
        nodes=nodes, layout=loss.layout, loss=kind, x=x, y=y, budget=budget
    )


def _has_convolutions(module: nn.Module) -> bool:
    return any(isinstance(each, nn.Conv2d) for each in module.modules())
