"""What a job is said to need grows with what it is asked."""

from typing import Any

import pytest

from service.resolution.resolution import resolve
from service.schemas.jobs import Estimate
from tests.support.requests.requests import (
    AUTOENCODER,
    FILES,
    LIMITS,
    NETWORK,
    POLYNOMIAL,
    RANDOM,
    request,
)


def estimate(*arguments: Any, **changes: object) -> Estimate:  # noqa: ANN401
    """The estimate of a job that can run."""
    resolution = resolve(request(*arguments, **changes), FILES, LIMITS)
    assert resolution.findings == []
    assert resolution.estimate is not None
    return resolution.estimate


def test_sizes_are_exact() -> None:
    found = estimate(NETWORK, {"kind": "weights", "count": 7, "noise_variance": 0.1})

    assert (found.parameters, found.samples, found.starts) == (23, 10, 7)


def test_a_polynomial_has_no_samples() -> None:
    box = {"kind": "box", "low": [0.0, 0.0], "high": [1.0, 1.0], "count": 4}

    found = estimate(POLYNOMIAL, box)

    assert (found.parameters, found.samples, found.starts) == (2, None, 4)


@pytest.mark.parametrize(
    ("problem", "starts", "changes"),
    [
        ({**AUTOENCODER, "input_size": 12}, RANDOM, {}),
        (AUTOENCODER, {**RANDOM, "count": 30}, {}),
        (
            AUTOENCODER,
            RANDOM,
            {"finder": {"kind": "newton_mr", "max_iterations": 1000}},
        ),
    ],
)
def test_more_is_more(
    problem: dict[str, Any], starts: dict[str, Any], changes: dict[str, Any]
) -> None:
    before, after = estimate(AUTOENCODER, RANDOM), estimate(problem, starts, **changes)

    assert after.gradient_evaluations > before.gradient_evaluations
    assert after.memory_bytes > before.memory_bytes


def test_no_search_costs_little() -> None:
    search, none = (
        estimate(AUTOENCODER, RANDOM, finder={"kind": kind})
        for kind in ("newton_mr", "none")
    )

    assert none.gradient_evaluations < search.gradient_evaluations / 100


def test_single_precision_takes_less() -> None:
    double = estimate(AUTOENCODER, RANDOM)
    single = estimate(AUTOENCODER, RANDOM, precision="float32")

    assert single.memory_bytes < double.memory_bytes


def test_spectra_of_large_networks_cost_products() -> None:
    large = {**NETWORK, "weights_file_id": None}
    large["architecture"] = {"kind": "mlp", "sizes": [4, 2000, 2], "activation": "tanh"}
    spectrum = {"kind": "lanczos", "top": 5, "density": {"steps": 50, "probes": 4}}

    without, with_spectrum = (
        estimate(large, RANDOM, spectrum=chosen) for chosen in (None, spectrum)
    )

    extra = with_spectrum.gradient_evaluations - without.gradient_evaluations
    assert extra == 3 * 3 * (2000 + 50 * 4)


def test_a_spectrum_alone_costs_a_gradient_and_its_products() -> None:
    large = {**NETWORK, "weights_file_id": None}
    large["architecture"] = {"kind": "mlp", "sizes": [4, 2000, 2], "activation": "tanh"}
    spectrum = {"kind": "lanczos", "top": 20}

    found = estimate(large, RANDOM, finder={"kind": "none"}, spectrum=spectrum)

    assert found.gradient_evaluations == 3 * (1 + 3 * 200 * 20)
    assert found.products_at_most == 3 * 200 * 20


def test_a_density_alone_costs_its_probes() -> None:
    large = {**NETWORK, "weights_file_id": None}
    large["architecture"] = {"kind": "mlp", "sizes": [4, 2000, 2], "activation": "tanh"}
    density = {"steps": 50, "probes": 4}
    spectrum = {"kind": "lanczos", "extremes": False, "density": density}

    found = estimate(large, RANDOM, finder={"kind": "none"}, spectrum=spectrum)

    assert found.products_at_most == 3 * 50 * 4


def test_vectors_that_the_limit_does_not_hold_are_counted_in_single_precision() -> None:
    large = {**NETWORK, "weights_file_id": None}
    large["architecture"] = {"kind": "mlp", "sizes": [4, 9000, 2], "activation": "tanh"}
    spectrum = {"kind": "lanczos", "top": 540}
    wanted = request(large, RANDOM, finder={"kind": "none"}, spectrum=spectrum)

    roomy, tight = (
        resolve(
            wanted, FILES, LIMITS.model_copy(update={"memory_bytes": most})
        ).estimate
        for most in (2**34, 2**30)
    )

    assert roomy is not None
    assert tight is not None
    vectors = 2740 * (9000 * 7 + 2)
    assert roomy.memory_bytes - tight.memory_bytes == 4 * vectors


def test_the_spectrum_of_a_block_takes_as_many_products_as_it_has_rows() -> None:
    large = {**NETWORK, "weights_file_id": None}
    large["architecture"] = {"kind": "mlp", "sizes": [4, 2000, 2], "activation": "tanh"}
    block = {"kind": "lanczos", "parameters": "layers.1.bias", "top": 1}

    without, with_spectrum = (
        estimate(large, RANDOM, spectrum=chosen) for chosen in (None, block)
    )

    extra = with_spectrum.gradient_evaluations - without.gradient_evaluations
    assert extra == 3 * 3 * 2
