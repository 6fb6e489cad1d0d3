"""Bodies of jobs for tests."""

from typing import Any


def quartic(*, starts: int = 3, **more: object) -> dict[str, Any]:
    """A job on a polynomial in two variables, which needs no file."""
    terms = [
        {"coefficient": 1.0, "powers": [4, 0]},
        {"coefficient": 1.0, "powers": [0, 2]},
    ]
    return {
        "problem": {"kind": "polynomial", "variables": 2, "terms": terms},
        "starts": {
            "kind": "box",
            "low": [-1.0, -1.0],
            "high": [1.0, 1.0],
            "count": starts,
        },
        "finder": {"kind": "newton_mr"},
        **more,
    }


def regression(
    weights: str, data: str, sizes: list[int], **more: object
) -> dict[str, Any]:
    """A job on a small network with uploaded weights and data."""
    return {
        "problem": {
            "kind": "network",
            "architecture": {"kind": "mlp", "sizes": sizes, "activation": "tanh"},
            "weights_file_id": weights,
            "dataset": {"kind": "file", "file_id": data, "input": "x", "target": "y"},
            "loss": {"kind": "mse"},
        },
        "starts": {"kind": "weights", "count": 4, "noise_variance": 0.01},
        "finder": {"kind": "newton_mr", "max_iterations": 5},
        **more,
    }
