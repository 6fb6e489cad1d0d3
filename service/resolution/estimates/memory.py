"""An estimate of the memory that a job takes at once, libraries apart.

It follows what workers do: runs advance in batches that fit the budget, half of which
is for the gradients' graphs of a network and half for vectors and matrices; a batch
that would exceed it is cut, down to a single run. The constants are the workers' own,
and were calibrated on the growth of whole processes.
"""

import math
from dataclasses import dataclass, replace
from typing import final

from service.resolution.estimates.krylov import krylov_vectors
from service.resolution.problems import Outlook
from service.schemas.finders import (
    DampedNewtonFinder,
    Finder,
    GradientNormFinder,
    LevenbergMarquardtFinder,
    NoFinder,
)
from service.schemas.specifications import Specification
from service.schemas.spectra import LanczosSpectrum

RUNS_AT_ONCE = 64
"""Runs of one batch of a search, at most."""
POINTS_AT_ONCE = 16
"""Points of one batch of a classification, at most."""
SEARCH_VECTORS = 48
"""Parameter vectors that a run of a search holds."""
POINT_VECTORS = 60
"""Parameter vectors that a point holds while it is classified, Lanczos bases apart."""
BASIS = 80
"""Lanczos vectors of a point that is classified and whose Hessian is not formed."""
SPECTRUM_VECTORS = 24
"""Parameter vectors that a spectrum takes beside its Lanczos vectors."""
WIDE_SPACE = 2**20
"""Numbers of a wider Krylov space for a Gauss-Newton matrix, at most."""
MATRICES = 3
"""Dense matrices that a run or a point holds: Hessian, symmetrised, eigenvectors."""
WORK_SPACE = 3
"""Dense matrices that an eigensolver needs beside them."""
SETTLING_MATRICES = 5
"""Dense matrices of the one run of a search that settles on a gradient-flat point."""
PIECE_BYTES = 32 * 1024**2
"""Of one run's graph on a piece of the samples, at most."""
TOGETHER_BYTES = 8 * 1024**2
"""Of the graphs of several runs that share a piece, at most."""
LEAST_RUNS = 4
"""That share a piece, if several do."""
PASSES = 4
"""Memory of a derivative's pass through a piece, in units of its graph."""
TRACES = 7
SLACK_BYTES = 16 * 1024**2
"""What allocators keep for later."""
ITEM_BYTES = {"float64": 8, "float32": 4}


def memory_bytes(
    specification: Specification,
    outlook: Outlook,
    *,
    parameters: int,
    order: int,
    starts: int,
    dense_limit: int,
    budget: int,
    limit: int,
) -> int:
    """The estimate: a batch of runs, data, results.

    Args:
        specification: The job.
        outlook: What its problem computes on.
        parameters: Number of parameters.
        order: Of the matrix whose spectrum is asked for, 0 for none.
        starts: Number of starts.
        dense_limit: Up to this order matrices are formed.
        budget: What a batch of runs may take.
        limit: What a run may take that the budget does not hold.

    Returns:
        Bytes.
    """
    item = ITEM_BYTES[specification.precision]
    dense = parameters <= dense_limit
    finder = specification.finder
    formed = dense and not (
        isinstance(finder, NoFinder | GradientNormFinder) or finder.hessian == "krylov"
    )
    batches = [
        _Batch.of(
            size=parameters,
            item=8 if dense else item,  # spectra are computed in double precision
            vectors=POINT_VECTORS + (0 if dense else min(BASIS, 2 * parameters)),
            formed=dense,
            most=POINTS_AT_ONCE,
        )
    ]
    if specification.spectrum is not None and not dense:
        if isinstance(finder, NoFinder):
            batches.clear()
        batches.append(
            _formed_block(parameters=parameters, order=order, item=item)
            if order <= dense_limit
            else _decomposition(
                specification.spectrum,
                parameters=parameters,
                order=order,
                item=item,
                limit=limit,
            )
        )
    steps = 0
    if not isinstance(finder, NoFinder):
        batches.append(
            _Batch.of(
                size=parameters,
                item=item,
                vectors=_search_vectors(finder, parameters, item, formed=formed),
                formed=formed,
                most=RUNS_AT_ONCE,
                settles=dense,
            )
        )
        steps = finder.max_iterations
    share = budget // 2
    # While the next iterate's graphs are built, the last one's are still there.
    held = 1 if isinstance(finder, NoFinder) and not dense else 2
    graphs = _Graphs.of(outlook, parameters=parameters, item=item, budget=share)
    batch = 0
    for each in batches:
        runs = each.runs(starts, share)
        batch = max(batch, each.bytes(runs) + graphs.bytes(runs, held=held))
    vectors = 2 * starts * parameters * item  # points and gradients, and their copies
    traces = TRACES * starts * (steps + 1) * ITEM_BYTES["float64"]
    return batch + _data(outlook, item) + vectors + traces + SLACK_BYTES


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Vectors and matrices of runs that advance together.

    Attributes:
        once: Bytes, whatever the number of runs.
        each: Bytes of a run.
        most: Runs at once, at most.
    """

    once: int
    each: int
    most: int

    @classmethod
    def of(
        cls,
        *,
        size: int,
        item: int,
        vectors: int,
        formed: bool,
        most: int,
        settles: bool = False,
    ) -> "_Batch":
        """Vectors, and matrices where they are formed, of one size."""
        matrices, once = 0, SETTLING_MATRICES if settles else 0
        if formed:
            matrices, once = MATRICES, WORK_SPACE
        return cls(
            once=once * size**2 * item,
            each=(vectors * size + matrices * size**2) * item,
            most=most,
        )

    def bytes(self, runs: int) -> int:
        return self.once + runs * self.each

    def runs(self, starts: int, budget: int) -> int:
        # A polynomial of no variables is refused elsewhere.
        fitting = (budget - self.once) // max(1, self.each)
        return max(1, min(starts, self.most, fitting))


def _decomposition(
    spectrum: LanczosSpectrum, *, parameters: int, order: int, item: int, limit: int
) -> _Batch:
    """Spectra by products; vectors beyond the limit are kept in single precision."""
    top = spectrum.values_at_an_end
    known = min(2 * top, order)
    steps = 0 if spectrum.density is None else spectrum.density.steps
    width = 5 * top + 40
    if spectrum.matrix != "hessian":
        width = max(width, min(4 * width, WIDE_SPACE // order))
    kept = max(min(order, width), min(order, known + steps))
    written = known if spectrum.eigenvectors else 0
    fixed = (SPECTRUM_VECTORS * parameters + written * order) * item
    if fixed + kept * order * item > limit:
        item = ITEM_BYTES["float32"]
    return _Batch(once=0, each=fixed + kept * order * item, most=POINTS_AT_ONCE)


def _formed_block(*, parameters: int, order: int, item: int) -> _Batch:
    """Spectra of blocks that are formed, of matrices that are not."""
    own = _Batch.of(size=order, item=8, vectors=0, formed=True, most=POINTS_AT_ONCE)
    return replace(own, each=own.each + SPECTRUM_VECTORS * parameters * item)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class _Graphs:
    """Gradients' graphs on pieces of the samples.

    Attributes:
        piece: Bytes of one run's graph on one piece.
        pieces: Pieces of the data set.
        runs: Runs that go through a piece together.
        budget: What graphs may take.
    """

    piece: int
    pieces: int
    runs: int
    budget: int

    @classmethod
    def of(
        cls, outlook: Outlook, *, parameters: int, item: int, budget: int
    ) -> "_Graphs":
        if outlook.samples is None or not outlook.kept:
            return cls(piece=0, pieces=0, runs=1, budget=budget)
        sample, gradient = outlook.kept * item, parameters * item
        most = min(max(PIECE_BYTES, 4 * gradient), budget // 8)
        count = max(1, outlook.samples.count)
        pieces = -(-count // max(1, (most - gradient) // sample))
        length = -(-count // pieces)
        piece = gradient + length * sample
        together = min(max(TOGETHER_BYTES, 4 * gradient), budget // 8)
        fitting = together // piece
        return cls(
            piece=piece,
            pieces=-(-count // length),
            runs=fitting if fitting >= LEAST_RUNS else 1,
            budget=budget,
        )

    def bytes(self, runs: int, *, held: int) -> int:
        """Of a batch: a pass through a piece, and graphs kept of so many iterates."""
        kept = runs * self.pieces * self.piece
        passing = PASSES * min(runs, self.runs) * self.piece
        return passing + (held * kept if kept <= self.budget // 4 else 0)


def _data(outlook: Outlook, item: int) -> int:
    """Data are read and transformed in double precision."""
    if outlook.samples is None:
        return 0
    samples, double = outlook.samples, ITEM_BYTES["float64"]
    sizes = math.prod(samples.shape) + math.prod(samples.target_shape)
    return 2 * outlook.source * double + samples.count * sizes * (double + item)


def _search_vectors(finder: Finder, parameters: int, item: int, *, formed: bool) -> int:
    """Parameter vectors of a run."""
    vectors = SEARCH_VECTORS
    if isinstance(finder, DampedNewtonFinder):
        vectors += 8 * len(finder.dampings)
    if isinstance(finder, DampedNewtonFinder | LevenbergMarquardtFinder) and not formed:
        vectors += krylov_vectors(parameters, item)
    return vectors
