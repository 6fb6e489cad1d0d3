"""What forming a Hessian costs, in products with it.

A model of the problem's sizes alone: operations are counted on two samples and scaled
to the whole data set, never timed, so that a job does the same wherever it runs.
"""

from collections.abc import Callable

from worker.objectives.assembly.assembly import Assembly, assembly_of
from worker.objectives.full_batch import FullBatchLoss
from worker.objectives.graphs.graphs import NetworkLoss
from worker.objectives.work import Work, work_of

_RUNS = 8  # that share the fixed cost of an operation, in a typical batch
_EIGEN_MULTIPLICATIONS = 2.0  # of a decomposition, for each entry and column
_EIGEN_BYTES = 50.0  # of it, for each entry


def hessian_cost(loss: FullBatchLoss, *, kind: str, assembly: Assembly) -> float:
    """Hessian products that cost as much as one Hessian, formed and decomposed.

    Args:
        loss: The loss on the whole data set.
        kind: Its name.
        assembly: The way to form the Hessian.

    Returns:
        A number of products.
    """
    product = _product(loss)
    formation = _formation(loss.loss, kind=kind, assembly=assembly)
    work = formation + decomposition(loss.loss.layout.parameters)
    return work.seconds / product.seconds


def decomposition(size: int) -> Work:
    """Work of all eigenvalues and eigenvectors of a symmetric matrix of that order."""
    return Work(
        operations=1.0,
        bytes=_EIGEN_BYTES * size**2,
        multiplications=_EIGEN_MULTIPLICATIONS * size**3,
    )


def _product(loss: FullBatchLoss) -> Work:
    def count(few: NetworkLoss) -> Work:
        theta = few.x.new_zeros(1, few.layout.parameters)
        graph = few.graph(theta)
        return work_of(lambda: graph.product(theta))

    pieces = loss.batches.pieces
    return _extrapolated(loss.loss, count, calls=pieces / min(_RUNS, loss.batches.runs))


def _formation(loss: NetworkLoss, *, kind: str, assembly: Assembly) -> Work:
    def count(few: NetworkLoss) -> Work:
        theta = few.x.new_zeros(1, few.layout.parameters)
        small = assembly_of(few, kind=kind, budget=2**30)
        small(theta)  # the first call also finds out how to cut the samples
        return work_of(lambda: small(theta))

    calls = assembly.pieces / min(_RUNS, assembly.together)
    return _extrapolated(loss, count, calls=calls)


def _extrapolated(
    loss: NetworkLoss, count: Callable[[NetworkLoss], Work], *, calls: float
) -> Work:
    """Work on all samples, of what is called so often for each run."""
    samples = len(loss.x)
    one, two = (count(next(loss.chunks(min(n, samples)))) for n in (1, 2))
    more = samples - 1
    return Work(
        operations=one.operations * calls,
        bytes=one.bytes + more * (two.bytes - one.bytes),
        multiplications=one.multiplications
        + more * (two.multiplications - one.multiplications),
    )
