"""An estimate of the memory that a job needs at once."""

import math

from service.resolution.samples import Samples
from service.schemas.finders import NoFinder
from service.schemas.specifications import Specification

RUNS_AT_ONCE = 64
"""Runs of one batch, at most."""
VECTORS = 32
"""Parameter vectors that a run of a search holds: points, gradients, Krylov vectors."""
MATRICES = 4
"""Dense matrices that a run holds: Hessian, eigenvectors, work space."""
COPIES = 6
"""Copies of every number in a network that its derivatives keep."""
CHUNK_BYTES = 1024**3
"""Beyond this, samples pass through a network in chunks."""
TRACES = 6
ITEM_BYTES = {"float64": 8, "float32": 4}


def memory_bytes(
    specification: Specification,
    *,
    parameters: int,
    starts: int,
    samples: Samples | None,
    entries: int,
    dense: bool,
) -> int:
    """The estimate: vectors, matrices, data, a chunk of activations, results.

    Args:
        specification: The job.
        parameters: Number of parameters.
        starts: Number of starts.
        samples: The data set.
        entries: Numbers that the network computes for one sample.
        dense: Whether Hessians are formed.

    Returns:
        Bytes.
    """
    item = ITEM_BYTES[specification.precision]
    runs = min(starts, RUNS_AT_ONCE)
    vectors = VECTORS * parameters * runs * item + _basis(
        specification, dense=dense
    ) * (parameters * item)
    matrices = MATRICES * parameters**2 * runs * item if dense else 0
    one_sample = COPIES * entries * runs * item
    activations = 0
    data = 0
    if samples is not None:
        activations = max(one_sample, min(samples.count * one_sample, CHUNK_BYTES))
        inputs, targets = math.prod(samples.shape), math.prod(samples.target_shape)
        # Data are transformed in double precision.
        data = samples.count * (inputs + targets) * (ITEM_BYTES["float64"] + item)
    finder = specification.finder
    steps = 0 if isinstance(finder, NoFinder) else finder.max_iterations
    results = starts * (parameters + TRACES * (steps + 1)) * item
    return vectors + matrices + activations + data + results


def _basis(specification: Specification, *, dense: bool) -> int:
    """Lanczos vectors that are kept for a spectrum."""
    spectrum = specification.spectrum
    if spectrum is None or dense:
        return 0
    return max(4 * spectrum.top, spectrum.density.steps if spectrum.density else 0)
