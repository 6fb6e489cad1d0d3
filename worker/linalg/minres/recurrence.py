"""One step of MINRES-QLP for a batch of runs.

The Lanczos process gives ``H V_k = V_{k+1} T_k``, ``T_k`` tridiagonal (alpha, beta).
Plane rotations from the left make it upper triangular (bands gamma, delta, epsilon),
rotations from the right make that lower triangular, ``L_k`` (bands gamma, theta, eta).
The iterate is ``x_k = W_k u_k``, where ``L_k u_k = t_k`` and ``W_k`` are the Lanczos
vectors rotated from the right. Only the last two columns of ``W_k`` can still change,
so the others are summed up in one vector.

The rotation of a pair ``(a, b)`` is ``(c a + s b, c b - s a)``.

References:
    S.-C. T. Choi, C. C. Paige, M. A. Saunders, MINRES-QLP: a Krylov subspace method for
    indefinite or singular symmetric systems, SIAM J. Sci. Comput. 33 (2011) 1810-1836.
"""

from dataclasses import dataclass, fields
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator

_Rotation = tuple[Tensor, Tensor]  # cosine and sine, (runs,) each


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Recurrence:
    """The state after ``k`` steps; every field has the runs first.

    Attributes:
        zero: Zeros.
        one: Ones.
        previous: Lanczos vectors ``v_k``, ``(runs, size)``.
        vectors: The settled part of ``x_k``, columns ``k-1`` and ``k`` of ``W_k``, and
            ``v_{k+1}``, ``(runs, 4, size)``.
        settled_norm: Norm of the settled part of ``x_k``.
        u_older: ``u_{k-1}``.
        u: ``u_k``.
        beta_older: ``beta_k``, zero before the first step.
        beta: ``beta_{k+1}``; ``beta_1`` is the norm of the right-hand side.
        cosine: Of the last rotation from the left.
        sine: Of the same.
        corner: Entry of the reduced ``T`` in row ``k``, column ``k+1``.
        epsilon: ``epsilon_{k+1}``.
        phi: Residual norm up to sign.
        gamma_older: Diagonal of ``L_k``, column ``k-1``.
        gamma_newer: Diagonal of ``L_k``, column ``k``.
        theta: Entry of ``L_k`` below the diagonal, row ``k``.
        numerator_older: ``gamma u`` of column ``k-1``.
        numerator_newer: ``gamma u`` of column ``k`` but for its ``theta`` term.
        smallest: Smallest settled diagonal of ``L_k``.
        norm: Estimate of ``|H|``.
    """

    zero: Tensor
    one: Tensor
    previous: Tensor
    vectors: Tensor
    settled_norm: Tensor
    u_older: Tensor
    u: Tensor
    beta_older: Tensor
    beta: Tensor
    cosine: Tensor
    sine: Tensor
    corner: Tensor
    epsilon: Tensor
    phi: Tensor
    gamma_older: Tensor
    gamma_newer: Tensor
    theta: Tensor
    numerator_older: Tensor
    numerator_newer: Tensor
    smallest: Tensor
    norm: Tensor

    @classmethod
    def start(cls, rhs: Tensor, rhs_norm: Tensor) -> Self:
        """The state before the first step, with the identity for ``L_0``."""
        zero, one = torch.zeros_like(rhs_norm), torch.ones_like(rhs_norm)
        vectors = rhs.new_zeros(rhs.shape[0], 4, rhs.shape[1])
        vectors[:, 3] = rhs / rhs_norm[:, None]
        return cls(
            zero=zero,
            one=one,
            previous=torch.zeros_like(rhs),
            vectors=vectors,
            settled_norm=zero,
            u_older=zero,
            u=zero,
            beta_older=zero,
            beta=rhs_norm,
            cosine=one,
            sine=zero,
            corner=zero,
            epsilon=zero,
            phi=rhs_norm,
            gamma_older=one,
            gamma_newer=one,
            theta=zero,
            numerator_older=zero,
            numerator_newer=zero,
            smallest=torch.full_like(one, torch.inf),
            norm=zero,
        )

    def take(self, rows: Tensor) -> Self:
        """The state of the runs with the given numbers."""
        return type(self)(
            **{item.name: getattr(self, item.name)[rows] for item in fields(self)}
        )

    def iterate(self, last_counts: Tensor) -> Tensor:
        """The iterates ``x_k``.

        Args:
            last_counts: Where the last term is taken, ``(runs,)``. Without it, and with
                ``gamma_k`` zero, the iterate is the shortest least-squares solution.

        Returns:
            Vectors ``(runs, size)``.
        """
        last = torch.where(last_counts, self.u, self.zero)
        terms = torch.stack([self.one, self.u_older, last], dim=1)[:, None]
        return torch.bmm(terms, self.vectors[:, :3])[:, 0]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What one step found out, ``(runs,)`` each.

    Attributes:
        state: The state after it.
        cokernel: ``|H r| / |r|`` of the residual *before* the step.
        solution_norm: ``|x|`` after it.
        smallest: Smallest diagonal of ``L`` after it.
    """

    state: Recurrence
    cokernel: Tensor
    solution_norm: Tensor
    smallest: Tensor

    def take(self, rows: Tensor) -> Self:
        """The step of the runs with the given numbers."""
        return type(self)(
            state=self.state.take(rows),
            cokernel=self.cokernel[rows],
            solution_norm=self.solution_norm[rows],
            smallest=self.smallest[rows],
        )


def advance(state: Recurrence, operator: SymmetricOperator, iteration: int) -> Step:
    """Makes one step.

    Args:
        state: The state after ``iteration - 1`` steps.
        operator: The matrices.
        iteration: Number of this step, from 1.

    Returns:
        The state after it, with what decides whether to stop.
    """
    vector = state.vectors[:, 3]
    product = torch.addcmul(
        operator.matvec(vector), state.beta[:, None], state.previous, value=-1
    )
    alpha = torch.linalg.vecdot(vector, product)
    product = torch.addcmul(product, alpha[:, None], vector, value=-1)
    beta = torch.linalg.vector_norm(product, dim=1)

    # Rotations from the left: column k, what is known of column k+1, right-hand side.
    delta, gamma_bar = _rotated((state.cosine, state.sine), state.corner, alpha)
    epsilon, corner = state.sine * beta, state.cosine * beta
    gamma, (cosine, sine) = _rotation(gamma_bar, beta)
    tau, phi = cosine * state.phi, -sine * state.phi

    # Rotations from the right: of columns k-2 and k, then of k-1 and k.
    gamma_settled, outer = _rotation(state.gamma_older, state.epsilon)
    theta_settled, delta = _rotated(outer, state.theta, delta)
    gamma, eta = outer[0] * gamma, outer[1] * gamma
    gamma_older, inner = _rotation(state.gamma_newer, delta)
    gamma, theta = inner[0] * gamma, inner[1] * gamma

    # The last three rows of L_k u_k = t_k.
    u_settled = state.numerator_older / gamma_settled
    numerator_older = torch.addcmul(
        state.numerator_newer, theta_settled, u_settled, value=-1
    )
    u_older = numerator_older / gamma_older
    numerator_newer = torch.addcmul(tau, eta, u_settled, value=-1)
    u = torch.addcmul(numerator_newer, theta, u_older, value=-1) / gamma

    settled_norm = torch.hypot(state.settled_norm, u_settled)
    norm, settled, smallest = _extremes(
        state, [gamma_settled, gamma_older, gamma.abs()], alpha, beta, iteration
    )
    vectors = torch.bmm(_mixing(state, outer, inner, u_settled), state.vectors)
    torch.div(product, beta[:, None], out=vectors[:, 3])
    return Step(
        state=Recurrence(
            zero=state.zero,
            one=state.one,
            previous=vector,
            vectors=vectors,
            settled_norm=settled_norm,
            u_older=u_older,
            u=u,
            beta_older=state.beta,
            beta=beta,
            cosine=cosine,
            sine=sine,
            corner=corner,
            epsilon=epsilon,
            phi=phi,
            gamma_older=gamma_older,
            gamma_newer=gamma,
            theta=theta,
            numerator_older=numerator_older,
            numerator_newer=numerator_newer,
            smallest=settled,
            norm=norm,
        ),
        cokernel=torch.hypot(gamma_bar, corner),
        solution_norm=torch.hypot(torch.hypot(settled_norm, u_older), u),
        smallest=smallest,
    )


def _rotation(kept: Tensor, removed: Tensor) -> tuple[Tensor, _Rotation]:
    """The length of a pair and the rotation that turns it to ``(length, 0)``."""
    length = torch.hypot(kept, removed)
    return length, (kept / length, removed / length)


def _rotated(
    rotation: _Rotation, first: Tensor, second: Tensor
) -> tuple[Tensor, Tensor]:
    """A pair, rotated."""
    cosine, sine = rotation
    return (
        torch.addcmul(cosine * first, sine, second),
        torch.addcmul(cosine * second, sine, first, value=-1),
    )


def _extremes(
    state: Recurrence,
    diagonal: list[Tensor],
    alpha: Tensor,
    beta: Tensor,
    iteration: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The estimate of ``|H|`` and the smallest diagonals of ``L_k``.

    The norm of a column of ``T_k`` is taken with the beta *before* the one it contains,
    as in the published code, and the second column so counts the norm of the right-hand
    side. The stopping tests depend on it: solves stop where the published ones do.

    Args:
        state: The state before the step.
        diagonal: Last three diagonals of ``L_k``, also those before its first column.
        alpha: ``alpha_k``.
        beta: ``beta_{k+1}``.
        iteration: The step's number ``k``.

    Returns:
        The norm, the smallest settled diagonal, and the smallest of all.
    """
    column = torch.linalg.vector_norm(
        torch.stack([state.beta_older, alpha, beta]), dim=0
    )
    present = diagonal[max(0, 3 - iteration) :]
    norm = torch.stack([state.norm, column, *present]).amax(dim=0)
    smallest = torch.stack([state.smallest, *present]).amin(dim=0)
    settled = state.smallest
    if len(present) == len(diagonal):
        settled = torch.minimum(settled, diagonal[0])
    return norm, settled, smallest


def _mixing(
    state: Recurrence, outer: _Rotation, inner: _Rotation, u_settled: Tensor
) -> Tensor:
    """Coefficients that take the old vectors to the new ones.

    With ``outer = c, s`` and ``inner = d, e``, the columns ``a`` and ``b`` of ``W`` and
    the Lanczos vector ``v``: ``u (c a + s v)`` settles, and the new columns are
    ``d b + e w`` and ``d w - e b`` with ``w = c v - s a``.

    Args:
        state: The state before the step.
        outer: Rotation of columns ``k-2`` and ``k``.
        inner: Rotation of columns ``k-1`` and ``k``.
        u_settled: Coordinate of the column that settles.

    Returns:
        Matrices ``(runs, 4, 4)``; the last row is zero.
    """
    zero, one = state.zero, state.one
    (c, s), (d, e) = outer, inner
    minus_s = -s
    return torch.stack(
        [
            *(one, u_settled * c, zero, u_settled * s),
            *(zero, e * minus_s, d, e * c),
            *(zero, d * minus_s, -e, d * c),
            *(zero, zero, zero, zero),
        ],
        dim=1,
    ).view(-1, 4, 4)
