import pytest
import torch
from pydantic import TypeAdapter
from torch import Tensor, nn

from service.resolution.estimates.work import PRODUCT_COST
from service.schemas.architectures import Architecture
from tests.support.pytorch.layers import LAYERS
from tests.support.pytorch.networks import NETWORKS
from worker.build.networks import network
from worker.networks import layers
from worker.networks.activations import activation
from worker.networks.architectures import mlp, sequential
from worker.networks.buffers import moved_buffers
from worker.objectives.costs import decomposition
from worker.objectives.network import NetworkObjective
from worker.objectives.work import work_of


def objective(sizes: list[int], samples: int) -> NetworkObjective:
    x = torch.ones(samples, sizes[0], dtype=torch.float64)
    y = torch.ones(samples, sizes[-1], dtype=torch.float64)
    return NetworkObjective(module=mlp(sizes, "tanh"), x=x, y=y, loss="mse")


def zeros_like_outputs(module: nn.Module, x: Tensor) -> Tensor:
    placed = moved_buffers(module, torch.device("cpu"), x.dtype)
    values = {k: torch.zeros(v.shape).to(x) for k, v in placed.named_parameters()}
    return torch.zeros_like(torch.func.functional_call(placed, values, (x,)))


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


def on_images(*inner: nn.Module) -> NetworkObjective:
    x = torch.ones(40, 1, 8, 8, dtype=torch.float64)
    chain = [
        layers.conv2d(1, 4, kernel_size=3, stride=2, padding=1),
        *inner,
        layers.avg_pool2d(kernel_size=4),
        layers.flatten(),
        layers.linear(4, 3),
    ]
    y = torch.zeros(40, dtype=torch.int64)
    return NetworkObjective(module=sequential(chain), x=x, y=y, loss="cross_entropy")


def on_vectors() -> NetworkObjective:
    x = torch.ones(40, 6, dtype=torch.float64)
    block = [layers.layer_norm([6]), layers.linear(6, 9), activation("gelu")]
    chain = [layers.Residual([*block, layers.linear(9, 6)]), layers.linear(6, 3)]
    return NetworkObjective(module=sequential(chain), x=x, y=x[:, :3], loss="mse")


SIDES = [layers.conv2d(4, 4, kernel_size=3, padding=1), activation("gelu")]
WHOLE = {
    "convolutions": lambda: on_images(activation("tanh")),
    "residual convolutions": lambda: on_images(layers.Residual(SIDES)),
    "group norm": lambda: on_images(layers.group_norm(2, 4), activation("swish")),
    "vectors with norms": on_vectors,
}


@pytest.mark.parametrize("name", list(WHOLE))
def test_costs_of_few_samples_foretell_those_of_all(name: str) -> None:
    problem = WHOLE[name]()
    runs = 8  # of a typical batch
    theta = torch.ones(runs, problem.parameters, dtype=torch.float64)
    hessian = problem.linearise(theta).hessian
    hessian.dense()  # finds out how to cut the samples
    product, formation = work_of(lambda: hessian.matvec(theta)), work_of(hessian.dense)
    work = formation + decomposition(problem.parameters) * runs
    expected = work.seconds / product.seconds
    assert problem.hessian_cost == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("name", [*LAYERS, "resnet", "norms first", "gpt"])
def test_bounds_on_work_hold_for_every_layer(name: str) -> None:
    case = (LAYERS | NETWORKS)[name]
    fields = {"kind": "sequential", "layers": case.layers}
    module = network(TypeAdapter[Architecture](Architecture).validate_python(fields))
    x = case.inputs(4).double()
    y = zeros_like_outputs(module, x)
    problem = NetworkObjective(module=module, x=x, y=y, loss="mse")
    theta = torch.ones(1, problem.parameters, dtype=torch.float64)
    hessian = problem.linearise(theta).hessian
    hessian.dense()
    gradient = work_of(lambda: problem.gradient(theta))
    product, formation = work_of(lambda: hessian.matvec(theta)), work_of(hessian.dense)
    assert product.multiplications <= PRODUCT_COST * gradient.multiplications
    assert formation.seconds <= problem.parameters * product.seconds
