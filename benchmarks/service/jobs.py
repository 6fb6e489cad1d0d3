"""The jobs that are asked about."""

from typing import Any

SHORT: dict[str, Any] = {
    "problem": {
        "kind": "polynomial",
        "variables": 2,
        "terms": [
            {"coefficient": 1.0, "powers": [4, 0]},
            {"coefficient": 1.0, "powers": [0, 2]},
        ],
    },
    "starts": {"kind": "box", "low": [-1.0, -1.0], "high": [1.0, 1.0], "count": 1},
}
"""Ends at once."""

LONG: dict[str, Any] = {
    "problem": {
        "kind": "network",
        "architecture": {"kind": "mlp", "sizes": [16, 8, 16], "activation": "swish"},
        "dataset": {
            "kind": "gaussian",
            "features": 16,
            "samples": 1000,
            "covariance": {"kind": "linspace", "low": 1.0, "high": 16.0},
        },
        "loss": {"kind": "mse"},
    },
    "starts": {"kind": "random", "count": 4},
    "finder": {"kind": "newton_mr", "max_iterations": 100_000},
    "classification": {"squared_gradient_norm_cutoff": 1e-30},
    "labels": {"experiment": "bench", "network": "autoencoder"},
}
"""Searches for as long as anybody looks."""
