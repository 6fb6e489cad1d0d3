"""One step of MINRES-QLP for a batch of runs.

The Lanczos process gives ``H V_k = V_{k+1} T_k``, ``T_k`` tridiagonal (alpha, beta).
Plane rotations from the left make it upper triangular (bands gamma, delta, epsilon),
rotations from the right make that lower triangular, ``L_k`` (bands gamma, theta, eta).
The iterate is ``x_k = W_k u_k``, where ``L_k u_k = t_k`` and ``W_k`` are the Lanczos
vectors rotated from the right. Only the last two columns of ``W_k`` can still change,
so the others are summed up in one vector.

A rotation ``[c s; -s c]`` is held as the complex number ``c - is``: its product with
``a + ib`` turns the pair ``(a, b)``, and ``sgn(a - ib)`` is the rotation that takes the
pair to ``(hypot(a, b), 0)``. So one complex kernel does the work of several real ones;
a step of small systems takes as long as it has kernels.

References:
    S.-C. T. Choi, C. C. Paige, M. A. Saunders, MINRES-QLP: a Krylov subspace method for
    indefinite or singular symmetric systems, SIAM J. Sci. Comput. 33 (2011) 1810-1836.
"""

from dataclasses import dataclass, fields
from typing import Self, final

import torch
from torch import Tensor

from worker.linalg.operators import SymmetricOperator


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
        coordinates: Norm of the settled part, ``u_{k-1}`` and ``u_k``, ``(runs, 3)``;
            together they have the norm of ``x_k``.
        beta_older: ``beta_k``, zero before the first step.
        beta: ``beta_{k+1}``; ``beta_1`` is the norm of the right-hand side.
        left: Last rotation from the left.
        corner: Entry of the reduced ``T`` in row ``k``, column ``k+1``.
        minus_epsilon: ``-epsilon_{k+1}``.
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
    coordinates: Tensor
    beta_older: Tensor
    beta: Tensor
    left: Tensor
    corner: Tensor
    minus_epsilon: Tensor
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
            coordinates=torch.stack([zero, zero, zero], dim=1),
            beta_older=zero,
            beta=rhs_norm,
            left=torch.complex(one, zero),
            corner=zero,
            minus_epsilon=zero,
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
        _, u_older, u = self.coordinates.unbind(dim=1)
        last = torch.where(last_counts, u, self.zero)
        terms = torch.stack([self.one, u_older, last], dim=1)[:, None]
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
    delta, gamma_bar = _pair(state.left * torch.complex(state.corner, alpha))
    corner, minus_epsilon = _pair(state.left * beta)
    gamma, left = _rotation(gamma_bar, -beta)
    tau, phi = _pair(left * state.phi)

    # Rotations from the right: of columns k-2 and k, then of k-1 and k.
    gamma_settled, outer = _rotation(state.gamma_older, state.minus_epsilon)
    theta_settled, delta = _pair(torch.complex(state.theta, delta) * outer)
    gamma, minus_eta = _pair(outer * gamma)
    gamma_older, inner = _rotation(state.gamma_newer, -delta)
    gamma, minus_theta = _pair(inner * gamma)

    # The last three rows of L_k u_k = t_k.
    u_settled = state.numerator_older / gamma_settled
    numerator_older = torch.addcmul(
        state.numerator_newer, theta_settled, u_settled, value=-1
    )
    u_older = numerator_older / gamma_older
    numerator_newer = torch.addcmul(tau, minus_eta, u_settled)
    u = torch.addcmul(numerator_newer, minus_theta, u_older) / gamma

    settled_norm = torch.hypot(state.coordinates[:, 0], u_settled)
    coordinates = torch.stack([settled_norm, u_older, u], dim=1)
    norm, settled, smallest = _extremes(
        state, [gamma_settled, gamma_older, gamma.abs()], alpha, beta, iteration
    )
    mixed = torch.bmm(_mixing(state, outer, inner, u_settled), state.vectors)
    return Step(
        state=Recurrence(
            zero=state.zero,
            one=state.one,
            previous=vector,
            vectors=torch.cat([mixed, (product / beta[:, None])[:, None]], dim=1),
            coordinates=coordinates,
            beta_older=state.beta,
            beta=beta,
            left=left,
            corner=corner,
            minus_epsilon=minus_epsilon,
            phi=phi,
            gamma_older=gamma_older,
            gamma_newer=gamma,
            theta=-minus_theta,
            numerator_older=numerator_older,
            numerator_newer=numerator_newer,
            smallest=settled,
            norm=norm,
        ),
        cokernel=torch.hypot(gamma_bar, corner),
        solution_norm=torch.linalg.vector_norm(coordinates, dim=1),
        smallest=smallest,
    )


def _pair(number: Tensor) -> tuple[Tensor, ...]:
    """Real and imaginary parts."""
    return torch.view_as_real(number).unbind(dim=-1)


def _rotation(kept: Tensor, minus_removed: Tensor) -> tuple[Tensor, Tensor]:
    """What remains of a pair, and the rotation that removes its second number.

    Args:
        kept: First numbers, ``(runs,)``.
        minus_removed: Second numbers with the sign changed, ``(runs,)``.

    Returns:
        ``hypot`` of the pair and ``c - is``, ``(runs,)`` each.
    """
    return (
        torch.hypot(kept, minus_removed),
        torch.complex(kept, minus_removed).sgn(),
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
    state: Recurrence, outer: Tensor, inner: Tensor, u_settled: Tensor
) -> Tensor:
    """Coefficients that take the old vectors to the new ones.

    With ``outer = c - is`` and ``inner = d - ie``, the columns ``a`` and ``b`` of ``W``
    and the Lanczos vector ``v``: ``u (c a + s v)`` settles, and the new columns are
    ``d b + e w`` and ``-e b + d w`` with ``w = c v - s a``.

    Args:
        state: The state before the step.
        outer: Rotation of columns ``k-2`` and ``k``.
        inner: Rotation of columns ``k-1`` and ``k``.
        u_settled: Coordinate of the column that settles.

    Returns:
        Matrices ``(runs, 3, 4)``.
    """
    cosine, minus_sine = _pair(inner)
    along, minus_across = _pair(outer * u_settled)
    older_v, older_a = _pair(outer * minus_sine)
    newer_v, newer_a = _pair(outer * cosine)
    return torch.stack(
        [
            *(state.one, along, state.zero, -minus_across),
            *(state.zero, -older_a, cosine, -older_v),
            *(state.zero, newer_a, minus_sine, newer_v),
        ],
        dim=1,
    ).view(-1, 3, 4)
