"""Ends of spectra by ARPACK on several products; densities by curvlinops."""

from typing import Any, final

import numpy as np
import torch
from curvlinops.papyan2020traces.spectrum import fast_lanczos
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor
from typing_extensions import override

from benchmarks.hessians.networks import Network
from benchmarks.hessians.peers import autograd_product, curvlinops_product
from benchmarks.spectra.found import Ends, Rule
from benchmarks.spectra.libraries import Product
from benchmarks.spectra.ours import own_product

SAME_PRODUCTS = "SciPy eigsh, our products"
_TOLERANCES = tuple(10.0**-digits for digits in range(2, 13))


@final
class Arpack:
    """``scipy.sparse.linalg.eigsh`` on products that PyTorch has of its own."""

    isotropic = True
    efforts = _TOLERANCES

    def __init__(self, *, same_products: bool) -> None:
        """Takes this package's products instead, where it is asked to."""
        self._same_products = same_products

    @property
    def name(self) -> str:
        """Says which products."""
        return SAME_PRODUCTS if self._same_products else "SciPy eigsh"

    def product(self, network: Network, theta: Tensor) -> Product:
        """With the Hessian at parameters ``(parameters,)``."""
        make = own_product if self._same_products else autograd_product
        return make(network, theta)

    def ends(self, product: Product, like: Tensor, *, top: int, effort: float) -> Ends:
        """Both ends to a tolerance."""
        return eigenpairs(product, like, top=top, tolerance=effort)[0]

    def rule(
        self, product: Product, like: Tensor, *, probes: int, steps: int, seed: int
    ) -> None:
        """SciPy has no densities."""


@final
class Curvlinops:
    """``eigsh`` on products of curvlinops, and its Lanczos process for densities."""

    name = "curvlinops"
    isotropic = True
    efforts = _TOLERANCES

    def product(self, network: Network, theta: Tensor) -> Product:
        """With the Hessian at parameters ``(parameters,)``."""
        return curvlinops_product(network, theta)

    def ends(self, product: Product, like: Tensor, *, top: int, effort: float) -> Ends:
        """Both ends to a tolerance, as its documentation shows."""
        return eigenpairs(product, like, top=top, tolerance=effort)[0]

    def rule(
        self, product: Product, like: Tensor, *, probes: int, steps: int, seed: int
    ) -> Rule:
        """From its Lanczos process, which does not orthogonalise again."""
        operator: Any = _Matrix(product, like)
        state = torch.Generator().manual_seed(seed).get_state()
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(state)
            found = [fast_lanczos(operator, steps) for _ in range(probes)]
        return Rule(
            nodes=torch.cat([nodes for nodes, _ in found]),
            weights=torch.cat([vectors[0] ** 2 for _, vectors in found]) / probes,
            products=probes * steps,
        )


@final
class _Matrix:
    """What curvlinops asks of a linear operator."""

    def __init__(self, product: Product, like: Tensor) -> None:
        self.device, self.dtype = like.device, like.dtype
        self.shape = (len(like), len(like))
        self._product = product

    def __matmul__(self, vector: Tensor) -> Tensor:
        return self._product(vector)


@final
class _Counted(LinearOperator):
    """What SciPy asks of one; its products are counted."""

    def __init__(self, product: Product, like: Tensor) -> None:
        super().__init__(np.dtype(np.float64), (len(like), len(like)))
        self.products = 0
        self._product = product
        self._like = like

    @override
    def _matvec(self, x: np.ndarray) -> np.ndarray:
        self.products += 1
        vector = torch.from_numpy(x.reshape(-1)).to(self._like)
        return self._product(vector).detach().cpu().numpy()


def eigenpairs(
    product: Product, like: Tensor, *, top: int, tolerance: float
) -> tuple[Ends, Tensor]:
    """So many pairs at either end of a spectrum, and their products.

    Args:
        product: With the matrix.
        like: A vector, ``(size,)``.
        top: How many of either.
        tolerance: Relative accuracy of the eigenvalues, as ARPACK means it.

    Returns:
        Eigenvalues, and eigenvectors by rows in their order, ``(2 top, size)``.
    """
    operator = _Counted(product, like)
    start = np.random.default_rng(0).standard_normal(len(like))
    options: dict[str, Any] = {"tol": tolerance, "v0": start, "maxiter": 1000}
    values, columns = eigsh(operator, k=2 * top, which="BE", **options)
    order = np.argsort(values)
    found = torch.from_numpy(values[order]).to(like)
    vectors = torch.from_numpy(columns.T[order]).to(like)
    return Ends(values=found, products=operator.products), vectors
