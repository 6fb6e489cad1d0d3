import torch
from torch import Tensor

from worker.networks import layers
from worker.networks.activations import activation
from worker.networks.architectures import mlp, sequential
from worker.objectives.network import NetworkObjective
from worker.objectives.work import work_of


def objective(sizes: list[int], samples: int) -> NetworkObjective:
    x = torch.ones(samples, sizes[0], dtype=torch.float64)
    y = torch.ones(samples, sizes[-1], dtype=torch.float64)
    return NetworkObjective(module=mlp(sizes, "tanh"), x=x, y=y, loss="mse")


def test_work_counts_what_kernels_do() -> None:
    left, right = torch.ones(3, 5), torch.ones(5, 7)
    result = torch.zeros(3, 7)

    def compute() -> Tensor:
        result.addmm_(left, right)
        return result.T.exp()

    work = work_of(compute)
    assert work.operations == 2
    assert work.multiplications == 3 * 5 * 7
    assert work.bytes == 3 * 7 * 4


def test_costs_are_the_same_at_every_call() -> None:
    first, second = objective([4, 6, 2], 100), objective([4, 6, 2], 100)
    assert first.hessian_cost == second.hessian_cost == second.hessian_cost


def test_hessians_cost_more_products_of_fewer_samples_and_of_more_parameters() -> None:
    few, many = objective([4, 6, 2], 30), objective([4, 6, 2], 30_000)
    large = objective([10, 30, 10], 30)
    assert many.hessian_cost < few.hessian_cost < large.hessian_cost


def test_assembled_hessians_cost_less_than_one_product_a_column() -> None:
    x = torch.ones(200, 1, 8, 8, dtype=torch.float64)
    chain = [
        layers.conv2d(1, 4, kernel_size=3),
        activation("tanh"),
        layers.max_pool2d(kernel_size=2),
        layers.flatten(),
        layers.linear(36, 3),
    ]
    y = torch.zeros(200, dtype=torch.int64)
    module = sequential(chain)
    assembled = NetworkObjective(module=module, x=x, y=y, loss="cross_entropy")
    assert assembled.hessian_cost < assembled.parameters / 2
