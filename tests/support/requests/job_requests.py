"""Job requests drawn at random: all valid by the schema, few of them sensible."""

from typing import Any

from hypothesis import strategies as st

from service.resolution.files import FileSummary
from service.schemas.files import TensorSummary
from service.schemas.jobs import JobRequest
from tests.support.requests.architectures import ACTIVATIONS, SAMPLE_SHAPES, sequentials

Fields = dict[str, Any]
SMALL = st.integers(1, 6)
LARGE = st.sampled_from([1, 2, 3, 1000, 1_000_000])
NUMBERS = st.floats(-1e12, 1e12)
POSITIVE = st.floats(1e-300, 1e12)
SEEDS = st.integers(0, 2**53 - 1)
FILE_IDS = st.sampled_from(["file_" + digit * 32 for digit in "abc"])
NAMES = st.sampled_from(
    ["x", "y", "layers.0.weight", "layers.1.weight", "layers.1.bias", "0.weight", "w1"]
)
MAPS = st.none() | st.dictionaries(NAMES, NAMES, max_size=3)


def record(
    kind: str,
    required: dict[str, st.SearchStrategy[Any]] | None = None,
    optional: dict[str, st.SearchStrategy[Any]] | None = None,
) -> st.SearchStrategy[Fields]:
    """An object of a kind."""
    fields = {"kind": st.just(kind), **(required or {})}
    return st.fixed_dictionaries(fields, optional=optional or {})


TRANSFORM = st.one_of(
    record("crop", {"size": SMALL}),
    record("resize", {"size": SMALL}),
    record("standardize"),
    record("center"),
    record("pca", {"components": SMALL | LARGE}, {"whiten": st.booleans()}),
    record(
        "subset",
        {},
        {
            "count": st.none() | SMALL | LARGE,
            "classes": st.none()
            | st.lists(st.integers(0, 11) | st.just(2**70), min_size=1, max_size=4),
            "seed": SEEDS,
        },
    ),
    record("permute_labels", {}, {"seed": SEEDS}),
    record("one_hot", {"classes": SMALL | LARGE}),
    record("flatten"),
)
TRANSFORMS = {"transforms": st.lists(TRANSFORM, max_size=3)}
COVARIANCE = st.one_of(
    record("linspace", {"low": POSITIVE, "high": POSITIVE}),
    record("diagonal", {"values": st.lists(POSITIVE, min_size=1, max_size=6)}),
)
DATASET = st.one_of(
    record(
        "file", {"file_id": FILE_IDS}, {"input": NAMES, "target": NAMES, **TRANSFORMS}
    ),
    record(
        "builtin",
        {"name": st.sampled_from(["digits", "mnist_5k", "fashion_mnist_5k"])},
        {"target": st.sampled_from(["labels", "images"]), **TRANSFORMS},
    ),
    record(
        "gaussian",
        {"features": SMALL | LARGE, "samples": SMALL | LARGE, "covariance": COVARIANCE},
        TRANSFORMS,
    ),
)
MLP = record(
    "mlp",
    {
        "sizes": st.lists(SMALL | LARGE, min_size=2, max_size=5),
        "activation": ACTIVATIONS,
    },
    {"bias": st.booleans()},
)
SEQUENTIAL = SAMPLE_SHAPES.flatmap(
    lambda sample: sequentials(sample, fitting=False)
).map(lambda architecture: architecture.model_dump())
LOSS = st.sampled_from(["mse", "cross_entropy"]).flatmap(
    lambda kind: record(kind, {}, {"l2": st.floats(0, 1e12)})
)
WEIGHTS: dict[str, st.SearchStrategy[Any]] = {
    "weights_file_id": st.none() | FILE_IDS,
    "stacked": st.booleans(),
    "parameter_map": MAPS,
}
TERM = st.fixed_dictionaries(
    {
        "coefficient": NUMBERS,
        "powers": st.lists(st.integers(0, 32), min_size=1, max_size=3),
    }
)
PROBLEM = st.one_of(
    record(
        "network",
        {"architecture": MLP | SEQUENTIAL, "dataset": DATASET, "loss": LOSS},
        WEIGHTS,
    ),
    record(
        "linear_autoencoder",
        {
            "input_size": st.integers(2, 256),
            "hidden_size": st.integers(1, 256),
            "samples": st.integers(2, 1_000_000),
        },
        WEIGHTS,
    ),
    record(
        "polynomial",
        {
            "variables": st.integers(1, 3),
            "terms": st.lists(TERM, min_size=1, max_size=3),
        },
    ),
)
POINT = st.lists(NUMBERS, min_size=1, max_size=4)
COUNT = st.integers(1, 100_000)
STARTS = st.one_of(
    record(
        "weights",
        {},
        {"count": st.none() | COUNT, "noise_variance": st.floats(0, 1e12)},
    ),
    record("random", {"count": COUNT}),
    record("trajectory", {"count": COUNT}, {"steps": st.integers(1, 1_000_000)}),
    record("explicit", {"points": st.lists(POINT, min_size=1, max_size=3)}),
    record("box", {"low": POINT, "high": POINT, "count": COUNT}),
)
ITERATIONS: Fields = {"max_iterations": st.integers(1, 1_000_000)}
HESSIAN: Fields = {"hessian": st.sampled_from(["auto", "exact", "krylov"])}
FINDER = st.one_of(
    record("none"),
    record(
        "damped_newton",
        {},
        {
            "dampings": st.lists(st.floats(0, 1e12), min_size=1, max_size=4),
            **ITERATIONS,
            **HESSIAN,
        },
    ),
    record(
        "gradient_norm",
        {},
        {
            "method": st.sampled_from(["gradient_descent", "momentum", "backtracking"]),
            "learning_rate": st.none() | POSITIVE,
            "criterion": st.sampled_from(["wolfe", "newton_mr"]),
            **ITERATIONS,
        },
    ),
    record("levenberg_marquardt", {}, {**ITERATIONS, **HESSIAN}),
    record(
        "newton_mr",
        {},
        {
            **ITERATIONS,
            **HESSIAN,
            "max_krylov_iterations": st.none() | st.integers(1, 1_000_000),
            "backtracking_factor": st.floats(0, 1, exclude_min=True, exclude_max=True),
        },
    ),
)
SPECTRUM = st.none() | record(
    "lanczos",
    {},
    {
        "matrix": st.sampled_from(["hessian", "gauss_newton", "fisher"]),
        "parameters": st.none() | st.sampled_from(["*", "layers.0.*", "*.bias", "[x"]),
        "top": st.integers(1, 1000),
        "extremes": st.booleans(),
        "eigenvectors": st.booleans(),
        "density": st.none()
        | st.fixed_dictionaries(
            {}, optional={"steps": st.integers(2, 1000), "probes": st.integers(1, 1000)}
        ),
    },
)
REQUESTS = st.fixed_dictionaries(
    {"problem": PROBLEM, "starts": STARTS},
    optional={
        "finder": FINDER,
        "spectrum": SPECTRUM,
        "seed": SEEDS,
        "precision": st.sampled_from(["float64", "float32"]),
        "time_limit_seconds": st.integers(1, 7 * 86_400),
    },
).map(JobRequest.model_validate)


@st.composite
def tensors(draw: st.DrawFn, name: str) -> TensorSummary:
    """One tensor, as its file would be summarised."""
    dtype = draw(st.sampled_from(["F64", "F32", "I64", "U8", "BOOL"]))
    finite = dtype != "F64" or draw(st.booleans())
    low, high = sorted([draw(st.integers(-1, 9)), draw(st.integers(0, 9))])
    return TensorSummary(
        name=name,
        dtype=dtype,
        shape=draw(st.lists(SMALL, max_size=4)),
        finite=finite,
        minimum=float(low) if finite else None,
        maximum=float(high) if finite else None,
    )


TENSOR_LISTS = st.lists(NAMES, min_size=1, unique=True).flatmap(
    lambda names: st.tuples(*(tensors(name) for name in names)).map(list)
)
FILES = st.dictionaries(
    FILE_IDS,
    st.builds(
        FileSummary,
        purpose=st.sampled_from(["weights", "dataset"]),
        tensors=TENSOR_LISTS,
    ),
)
