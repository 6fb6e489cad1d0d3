"""Analytic critical points beside the ones found."""

from torch import Tensor

from service.schemas.reports import AnalyticMatch
from worker.classification.measures import Measures
from worker.objectives.closed_forms.analytic import AnalyticCriticalPoints

LOSS_TOLERANCE = 1e-6
"""Relative difference of the losses of points that match."""


def analytic_matches(
    analytic: AnalyticCriticalPoints, measures: Measures, theta: Tensor
) -> list[AnalyticMatch]:
    """The analytic critical point nearest to each point.

    Args:
        analytic: All analytic critical points.
        measures: At the points.
        theta: The points, ``(runs, parameters)``.

    Returns:
        One match for each point.
    """
    return [
        AnalyticMatch(
            eigenvectors=list(nearest.point.eigenvectors),
            loss=nearest.point.loss,
            relative_loss_error=nearest.relative_loss_error,
            negative_eigenvalues=nearest.point.negative_eigenvalues,
            matched=nearest.relative_loss_error <= LOSS_TOLERANCE
            and negative == nearest.point.negative_eigenvalues,
        )
        for nearest, negative in zip(
            analytic.nearest(measures.value, theta),
            measures.inertia.negative.tolist(),
            strict=True,
        )
    ]
