"""The report: every point found, its label, and the evidence."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field
from typing_extensions import override

from service.schemas.base import JobId, Schema, Stored
from service.schemas.environment import Environment
from service.schemas.specifications import Specification

_CONVERGED = 1e-8  # share of the largest magnitude that a residual bound may be

Label = Literal["critical", "gradient_flat", "unconverged", "unclassified", "failed"]


class Counts(Stored):
    """Points by label."""

    LATER: ClassVar[dict[str, Any]] = {"unclassified": 0}

    critical: int
    gradient_flat: int
    unconverged: int
    unclassified: int
    """Points that are not critical and whose relative residual was not computed."""
    failed: int
    ever_gradient_flat: int
    """Runs whose relative residual exceeded the flatness cut-off at some iteration."""


class Proportion(Schema):
    """A share of the starts with its Wilson interval."""

    value: float
    low: float
    high: float
    confidence: float


class Fractions(Schema):
    """Shares of all starts that did not fail; null when all failed."""

    critical: Proportion | None
    gradient_flat: Proportion | None
    unconverged: Proportion | None
    ever_gradient_flat: Proportion | None


class ProblemSummary(Schema):
    """The problem's size and what to beware of."""

    parameters: int
    samples: int | None
    smooth: bool
    """Whether the loss is twice differentiable everywhere."""
    gradient_norm_floor: float
    """What rounding the parameters does to a squared gradient norm, the median over the
    points; of the spectrum's matrix where nothing else was computed."""
    """Squared gradient norm below which rounding rules, estimated; that of a Hessian
    and a point of unit norm where only spectra of other matrices were asked for."""
    warnings: list[str]


class SearchSummary(Stored):
    """How the search was done."""

    LATER: ClassVar[dict[str, Any]] = {"notes": []}

    finder: str
    """Kind of the finder."""
    hessian: str
    """`exact` if every iterate's Hessian was formed, `krylov` if there were only
    products with it."""
    notes: list[str]
    """What else to know of it: that memory was short, and what became of it."""


class Interval(Schema):
    """Where a number lies, with a probability of at least `confidence`."""

    low: float
    high: float
    confidence: float


class Index(Stored):
    """Counts of a matrix's eigenvalues by sign."""

    LATER: ClassVar[dict[str, Any]] = {"interval": None}

    negative: int
    zero: int
    positive: int
    fraction: float
    """Of negative ones; for a Hessian the Morse index over the number of parameters."""
    method: str
    """`exact` or `estimated`."""
    standard_error: float | None
    """Of the fraction, over random probes, when estimated; null where a single probe
    cannot tell."""
    interval: Interval | None
    """Of the fraction; covers eigenvalues too near the threshold to be told to lie on
    either side. Null where a single probe cannot tell."""


class AnalyticMatch(Schema):
    """The nearest analytic critical point of a linear autoencoder."""

    eigenvectors: list[int]
    """Eigenvectors of the data covariance it projects on; 0 has the largest value."""
    loss: float
    relative_loss_error: float
    negative_eigenvalues: int
    """Morse index of that analytic point."""
    matched: bool
    """Whether loss (1e-6 relative) and Morse index both agree."""


class DensityEstimate(Stored):
    """A spectral density on a grid, with mass 1."""

    LATER: ClassVar[dict[str, Any]] = {"outliers": []}

    grid: list[float]
    values: list[float]
    standard_error: list[float] | None
    """Of the values, over the probes; zeros where all eigenvalues are known, null where
    a single probe cannot tell."""
    broadening: float
    """Standard deviation of the Gaussian that smooths it."""
    probes: int
    """Random probes; 0 where all eigenvalues are known."""
    steps: int
    """Lanczos steps from each probe; 0 where all eigenvalues are known."""
    outliers: list[float]
    """Those of the extreme eigenvalues that stand apart from the rest by more than four
    standard deviations of that Gaussian, ascending."""


class ResidualBounds(Schema):
    """Bounds on the distance of each value to an eigenvalue."""

    largest: list[float]
    smallest: list[float]


class Converged(Schema):
    """Whether each value's residual bound is small beside the largest magnitude.

    It is within 1e-8 of that, or 1.2e-5 where vectors were kept in single precision.
    """

    largest: list[bool]
    smallest: list[bool]


class Vectors(Schema):
    """How Lanczos vectors were kept."""

    precision: str
    """`float64` or `float32`."""
    device: str
    """`cpu` or `cuda`."""


class SpectrumReport(Stored):
    """What was computed of a matrix's spectrum at a point."""

    LATER: ClassVar[dict[str, Any]] = {
        "matrix": "hessian",
        "parameters": None,
        "trace_standard_error": None,
        "frobenius_norm_standard_error": None,
        "index": None,
        "vectors": None,
        "notes": [],
    }

    matrix: str
    """`hessian`, `gauss_newton` or `fisher`."""
    parameters: str | None
    """Pattern over names of parameters where it is only a diagonal block of these."""
    order: int
    """Of the matrix: the number of its parameters."""
    largest: list[float]
    """Largest algebraic eigenvalues, descending."""
    smallest: list[float]
    """Smallest algebraic eigenvalues, ascending."""
    residual_bounds: ResidualBounds
    converged: bool
    """Whether every value is converged and the values are complete."""
    converged_values: Converged
    complete: bool
    """Whether a search of the complement found no eigenvalue beyond these; true where
    none was asked for."""
    trace: float | None
    """An estimate where the method is not `exact`, null if there is no density."""
    trace_standard_error: float | None
    """Over random probes, when estimated; null where a single probe cannot tell."""
    frobenius_norm: float | None
    """An estimate where the method is not `exact`, null if there is no density."""
    frobenius_norm_standard_error: float | None
    """Over random probes, when estimated; null where a single probe cannot tell."""
    index: Index | None
    """Null if it is neither known nor estimated along with a density."""
    density: DensityEstimate | None
    method: str
    """`exact` or `lanczos`."""
    hessian_vector_products: int
    """Products with the matrix."""
    vectors: Vectors | None
    """Null where the matrix was formed."""
    notes: list[str]

    @override
    @classmethod
    def completed(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Returns the record with what its values, bounds and method tell."""
        record = {"complete": record["method"] == "exact", **record}
        if "converged_values" not in record:
            values: list[float] = [*record["largest"], *record["smallest"]]
            most = _CONVERGED * max((abs(value) for value in values), default=0.0)
            bounds: dict[str, list[float]] = record["residual_bounds"]
            converged = {end: [it <= most for it in its] for end, its in bounds.items()}
            record = {"converged_values": converged, **record}
        return super().completed(record)


class Point(Stored):
    """A point found, its label and the measures behind it.

    Measures are null where they could not be computed; `notes` says why.
    """

    start: int
    label: Label
    kind: str | None
    """Of a critical point: `minimum`, `strict_saddle`, `degenerate_saddle`, ..."""
    ever_gradient_flat: bool
    loss: float | None
    squared_gradient_norm: float | None
    relative_residual: float | None
    relative_residual_max: float | None
    relative_residual_max_iteration: int | None
    relative_residual_krylov: float | None
    relative_cokernel_residual: float | None
    gradient_rayleigh_quotient: float | None
    relative_gradient_image: float | None
    """``|H g| / (|H|_F |g|)``; 0 where the gradient is in the kernel."""
    gradient_kernel_fraction: float | None
    gradient_kernel_method: str | None
    """`exact` or `estimated`."""
    index: Index | None
    frobenius_norm: float | None
    """Of the Hessian; an estimate where the index is one."""
    stop_reason: str
    iterations: int
    gradient_evaluations: int
    hessian_vector_products: int
    analytic_match: AnalyticMatch | None
    spectrum: SpectrumReport | None
    notes: list[str]

    @override
    @classmethod
    def completed(cls, record: dict[str, Any]) -> dict[str, Any]:
        """Returns the record with the order of a spectrum, which was the Hessian's."""
        spectrum, index = record.get("spectrum"), record.get("index")
        if isinstance(spectrum, dict) and "order" not in spectrum and index:
            order = index["negative"] + index["zero"] + index["positive"]
            record = {**record, "spectrum": {"order": order, **spectrum}}
        return super().completed(record)


class LossIndex(Schema):
    """One critical point in the plane of loss and index."""

    start: int
    loss: float
    index_fraction: float


class ResidualEcdf(Schema):
    """Sorted relative residuals: the empirical distribution has steps of 1/n there."""

    final: list[float]
    max: list[float]


class CutoffCounts(Stored):
    """Points by label, had the gradient cut-off been this one."""

    LATER: ClassVar[dict[str, Any]] = {"unclassified": 0}

    squared_gradient_norm_cutoff: float
    critical: int
    gradient_flat: int
    unconverged: int
    unclassified: int


class Summary(Schema):
    """The figures of the paper, as data."""

    loss_index: list[LossIndex]
    relative_residual_ecdf: ResidualEcdf
    cutoffs: list[CutoffCounts]


class Artifact(Schema):
    """A file that can be downloaded."""

    name: str
    bytes: int
    sha256: str


class Report(Stored):
    """The answer to a job."""

    LATER: ClassVar[dict[str, Any]] = {"search": None}

    schema_version: Literal["1.0"]
    job_id: JobId
    outcome: str
    """`critical_points_found`, `no_critical_points_found` or `all_starts_failed`."""
    counts: Counts
    fractions: Fractions
    problem: ProblemSummary
    search: SearchSummary | None
    """Null where nothing was searched, or nothing before the job was cancelled, or an
    earlier version did not say."""
    points: list[Point]
    summary: Summary
    artifacts: list[Artifact]
    seed: int
    specification: Specification
    environment: Environment
    started_at: Annotated[datetime, Field(strict=False)]
    finished_at: Annotated[datetime, Field(strict=False)]
    seconds: float


class PointPage(Schema):
    """Points in order of their starts."""

    items: list[Point]
    next_cursor: str | None
