"""First-order updates for one trajectory, in the conventions of torch.optim."""

from collections.abc import Callable

import torch
from torch import Tensor

Update = Callable[[Tensor, Tensor], Tensor]
"""From parameters and their gradient to the next parameters."""


def gradient_descent(*, learning_rate: float) -> Update:
    """Plain gradient descent."""
    return lambda theta, gradient: theta - learning_rate * gradient


def momentum(*, learning_rate: float, momentum: float) -> Update:
    """Heavy-ball momentum."""
    velocity: Tensor | None = None

    def update(theta: Tensor, gradient: Tensor) -> Tensor:
        nonlocal velocity
        velocity = gradient if velocity is None else momentum * velocity + gradient
        return theta - learning_rate * velocity

    return update


def adam(
    *,
    learning_rate: float,
    first_decay: float = 0.9,
    second_decay: float = 0.999,
    epsilon: float = 1e-8,
) -> Update:
    """Adam (Kingma, Ba, ICLR 2015, algorithm 1)."""
    first: Tensor | float = 0.0
    second: Tensor | float = 0.0
    steps = 0

    def update(theta: Tensor, gradient: Tensor) -> Tensor:
        nonlocal first, second, steps
        steps += 1
        first = first_decay * first + (1.0 - first_decay) * gradient
        second = second_decay * second + (1.0 - second_decay) * gradient.square()
        mean = first / (1.0 - first_decay**steps)
        spread = torch.sqrt(second / (1.0 - second_decay**steps))
        return theta - learning_rate * mean / (spread + epsilon)

    return update
