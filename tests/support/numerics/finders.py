"""Every finder, in every variant."""

from worker.finders.base import Finder
from worker.finders.damped_newton import DampedNewton
from worker.finders.gradient_norm import GradientNorm
from worker.finders.levenberg_marquardt import LevenbergMarquardt
from worker.finders.newton_mr import NewtonMr

SECOND_ORDER: dict[str, Finder] = {
    "newton_mr": NewtonMr(),
    "damped_newton": DampedNewton(),
    "levenberg_marquardt": LevenbergMarquardt(),
}
FIRST_ORDER: dict[str, Finder] = {
    "gradient_descent": GradientNorm(method="gradient_descent"),
    "momentum": GradientNorm(method="momentum", momentum=0.5),
    "backtracking": GradientNorm(),
    "backtracking_wolfe": GradientNorm(criterion="wolfe"),
}
FINDERS: dict[str, Finder] = {**SECOND_ORDER, **FIRST_ORDER}
MONOTONE = [kind for kind in FINDERS if kind not in ("gradient_descent", "momentum")]
"""Those under which the gradient norm falls at every step."""
