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
        variant: What these make of it; empty where they only limit it.
    """

    preset: str
    finder: str
    starts: int
    options: tuple[tuple[str, Any], ...] = ()
    variant: str = ""

    @property
    def method(self) -> str:
        """The finder as the table calls it."""
        return f"{self.finder} ({self.variant})" if self.variant else self.finder

    @property
    def name(self) -> str:
        """What its files are called."""
        return ".".join(filter(None, (self.preset, self.finder, self.variant)))

    def body(self) -> dict[str, Any]:
        """The job to create."""
        body: dict[str, Any] = json.loads(presets.read(self.preset))
        body["finder"] = {"kind": self.finder, **dict(self.options)}
        body["starts"]["count"] = self.starts
        body["seed"] = SEED
        body["time_limit_seconds"] = 6 * 3600
        return body


# The settings of the authors' public code, in which rho and rho' are the same.
_AS_PUBLISHED = (
    ("safeguards", False),
    ("sufficient_decrease", 1e-6),
    ("full_step_decrease", 1e-6),
)
_NETWORKS = ("memorising_net", "autoencoder", "classifier")

# The longest first, so that no core is idle at the end.
EXPERIMENTS = (
    *(
        Experiment(
            preset=preset,
            finder="newton_mr",
            starts=20,
            options=_AS_PUBLISHED,
            variant="published",
        )
        for preset in _NETWORKS
    ),
    *(
        Experiment(preset=preset, finder=finder, starts=20)
        for preset in _NETWORKS
        for finder in ("newton_mr", "levenberg_marquardt")
    ),
    Experiment(preset="linear_autoencoder", finder="newton_mr", starts=50),
    Experiment(
        preset="linear_autoencoder",
        finder="newton_mr",
        starts=50,
        options=_AS_PUBLISHED,
        variant="published",
    ),
    Experiment(preset="linear_autoencoder", finder="levenberg_marquardt", starts=100),
    Experiment(preset="linear_autoencoder", finder="damped_newton", starts=50),
    Experiment(preset="quartic", finder="newton_mr", starts=100),
    Experiment(preset="quartic", finder="damped_newton", starts=100),
    Experiment(preset="quartic", finder="gradient_norm", starts=100),
    Experiment(preset="quartic", finder="levenberg_marquardt", starts=100),
    Experiment(preset="linear_autoencoder", finder="gradient_norm", starts=20),
)
