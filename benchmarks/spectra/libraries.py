"""What the libraries are asked for: both ends of a spectrum, and a quadrature rule.

Each takes products with a matrix by any means, so that the effort that it needs can be
found on a formed Hessian, and be timed with its own products.
"""

from collections.abc import Callable
from typing import Protocol

from torch import Tensor

from benchmarks.hessians.networks import Network
from benchmarks.spectra.found import Ends, Rule

Product = Callable[[Tensor], Tensor]
"""Of a matrix with a vector, ``(size,)``."""


class Library(Protocol):
    """A way to spectra."""

    @property
    def name(self) -> str:
        """For the tables."""
        ...

    @property
    def efforts(self) -> tuple[float, ...]:
        """What it may be told for the ends of a spectrum, from the least on."""
        ...

    @property
    def isotropic(self) -> bool:
        """Whether its probes prefer no directions, as normal random vectors do."""
        ...

    def product(self, network: Network, theta: Tensor) -> Product:
        """Its own products with the Hessian at parameters ``(parameters,)``."""
        ...

    def ends(self, product: Product, like: Tensor, *, top: int, effort: float) -> Ends:
        """The smallest and the largest eigenvalues of a matrix.

        Args:
            product: With the matrix.
            like: A vector, ``(size,)``.
            top: How many of either.
            effort: One of the efforts.
        """
        ...

    def rule(
        self, product: Product, like: Tensor, *, probes: int, steps: int, seed: int
    ) -> Rule | None:
        """A quadrature rule for the density; None where it has none.

        Args:
            product: With the matrix.
            like: A vector, ``(size,)``.
            probes: Random probes.
            steps: Lanczos steps from each.
            seed: Of the probes.
        """
        ...
