"""Jobs that search for as long as a test needs."""

from typing import Any

ENDLESS = 500_000


def autoencoder(*, iterations: int, starts: int = 3, **more: Any) -> dict[str, Any]:  # noqa: ANN401
    """A small network on Gaussian data; some 20 to 100 ms an iteration."""
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": [5, 3, 5], "activation": "tanh"},
            "dataset": {
                "kind": "gaussian",
                "features": 5,
                "samples": 200,
                "covariance": {"kind": "linspace", "low": 1.0, "high": 5.0},
            },
            "loss": {"kind": "mse"},
        },
        "starts": {"kind": "random", "count": starts},
        "finder": {"kind": "newton_mr", "max_iterations": iterations},
        "classification": {"squared_gradient_norm_cutoff": 1e-30},
        **more,
    }
