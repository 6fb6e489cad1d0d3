"""Which experiments are run, on how many starts."""

import json
from dataclasses import dataclass
from typing import Any, final

from service import presets

SEED = 0


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One preset with one finder.

    Attributes:
        preset: Its name.
        finder: Kind of the finder, with its defaults but for ``options``.
        starts: How many.
        options: Fields of the finder that are not left at their defaults.
    """

    preset: str
    finder: str
    starts: int
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"{self.preset}.{self.finder}"

    def body(self) -> dict[str, Any]:
        """The job to create."""
        body: dict[str, Any] = json.loads(presets.read(self.preset))
        body["finder"] = {"kind": self.finder, **dict(self.options)}
        body["starts"]["count"] = self.starts
        body["seed"] = SEED
        body["time_limit_seconds"] = 6 * 3600
        return body


_FEW = (("max_iterations", 200),)

# The longest first, so that no core is idle at the end.
EXPERIMENTS = (
    Experiment(preset="memorising_net", finder="newton_mr", starts=6, options=_FEW),
    Experiment(preset="autoencoder", finder="newton_mr", starts=10, options=_FEW),
    Experiment(preset="linear_autoencoder", finder="newton_mr", starts=50),
    Experiment(
        preset="autoencoder", finder="levenberg_marquardt", starts=10, options=_FEW
    ),
    Experiment(preset="classifier", finder="newton_mr", starts=10, options=_FEW),
    Experiment(
        preset="classifier", finder="levenberg_marquardt", starts=10, options=_FEW
    ),
    Experiment(
        preset="memorising_net", finder="levenberg_marquardt", starts=10, options=_FEW
    ),
    Experiment(preset="linear_autoencoder", finder="levenberg_marquardt", starts=100),
    Experiment(preset="linear_autoencoder", finder="damped_newton", starts=50),
    Experiment(preset="quartic", finder="newton_mr", starts=100),
    Experiment(preset="quartic", finder="damped_newton", starts=100),
    Experiment(preset="quartic", finder="gradient_norm", starts=100),
    Experiment(preset="quartic", finder="levenberg_marquardt", starts=100),
    Experiment(preset="linear_autoencoder", finder="gradient_norm", starts=20),
)
