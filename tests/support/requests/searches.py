"""Jobs that search for as long as a test needs."""

from typing import Any

ENDLESS = 500_000


def autoencoder(
    *,
    iterations: int,
    starts: int = 3,
    features: int = 5,
    samples: int = 200,
    **more: Any,  # noqa: ANN401
) -> dict[str, Any]:
    """A small network on Gaussian data; some 20 to 100 ms an iteration."""
    sizes = [features, 3, features]
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": sizes, "activation": "tanh"},
            "dataset": {
                "kind": "gaussian",
                "features": features,
                "samples": samples,
                "covariance": {"kind": "linspace", "low": 1.0, "high": 5.0},
            },
            "loss": {"kind": "mse"},
        },
        "starts": {"kind": "random", "count": starts},
        "finder": {"kind": "newton_mr", "max_iterations": iterations},
        "classification": {"squared_gradient_norm_cutoff": 1e-30},
        **more,
    }
