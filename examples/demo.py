"""Trains two small networks on real images and has gradflat analyse both.

``python -m examples.demo`` starts the whole stack in ``.demo``, does what a user would
do by hand with ``gradflat submit``, leaves the reports there and stops the stack.
"""

import itertools
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import worker.datasets

FOLDER = Path(".demo")
IMAGES = Path(worker.datasets.__file__).parent / "builtin" / "mnist_5k.safetensors"
EXAMPLES = Path(__file__).parent
GRADFLAT = Path(sys.executable).parent / "gradflat"


def say(text: str) -> None:
    """Prints a line at once."""
    sys.stdout.write(f"\n== {text}\n")
    sys.stdout.flush()


def small_digits() -> tuple[Tensor, Tensor]:
    """1,000 MNIST images at 4 x 4, standardised: inputs (1000, 16), labels (1000,)."""
    data = load_file(IMAGES)
    images, labels = data["images"][::5], data["labels"][::5]
    crop = images[:, 4:24, 4:24].double()
    pixels = nn.functional.avg_pool2d(crop, 5).flatten(1)
    x = (pixels - pixels.mean(0)) / pixels.std(0, correction=0).clamp_min(1e-12)
    return x, labels.clone()


class Mlp(nn.Module):
    """Dense layers with SiLU between them, named as gradflat names an ``mlp``."""

    def __init__(self, *sizes: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.layers = nn.ModuleList(
            nn.Linear(fan_in, fan_out, dtype=torch.double)
            for fan_in, fan_out in itertools.pairwise(sizes)
        )
        for name, parameter in self.named_parameters():
            if name.endswith("weight"):
                nn.init.xavier_normal_(parameter, generator=generator)
            else:
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Outputs of shape (n, sizes[-1])."""
        for layer in self.layers[:-1]:
            x = nn.functional.silu(layer(x))
        return self.layers[-1](x)


def train(network: Mlp, x: Tensor, target: Tensor, loss: nn.Module, l2: float) -> float:
    """Trains on the full batch with Adam and returns the last loss, without l2."""
    optimizer = torch.optim.Adam(network.parameters(), lr=0.02, weight_decay=2 * l2)
    value = torch.zeros(())
    for _ in range(300):
        optimizer.zero_grad()
        value = loss(network(x), target)
        value.backward()
        optimizer.step()
    return value.item()


@contextmanager
def running_stack() -> Iterator[None]:
    """The API, a worker and a broker on this machine, stopped at the end."""
    command = [GRADFLAT, "up", "--port", "0", "--data-dir", FOLDER / "data"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as stack:
        try:
            ready = stack.stdout.readline() if stack.stdout else ""
            if not ready:
                raise SystemExit("gradflat up did not start; see .demo/data/logs")
            say(ready.strip())
            yield
        finally:
            stack.send_signal(signal.SIGTERM)
            stack.wait(timeout=30)


def analyse(name: str, weights: Path, dataset: Path) -> None:
    """Submits a job, shows its progress and its table, and keeps its report."""
    job = EXAMPLES / f"{name}.json"
    report = FOLDER / f"{name}.report.json"
    files = ["--weights", weights, "--dataset", dataset, "--output", report]
    command = ["submit", job, *files, "--watch"]
    say(f"gradflat {' '.join(map(str, command))}")
    connection = ["--data-dir", FOLDER / "data"]
    subprocess.run([GRADFLAT, *command, *connection], check=True)
    say(f"The report lies in {report.resolve()}")


def main() -> None:
    """Runs the demonstration."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    x, y = small_digits()
    dataset = FOLDER / "digits.safetensors"
    save_file({"x": x, "y": y}, dataset)
    networks = {
        "autoencoder": (Mlp(16, 6, 16), x, nn.MSELoss(), 1e-3),
        "classifier": (Mlp(16, 8, 10), y, nn.CrossEntropyLoss(), 3e-3),
    }
    with running_stack():
        for name, (network, target, loss, l2) in networks.items():
            value = train(network, x, target, loss, l2)
            say(f"Trained the {name} on {len(x)} real images: loss {value:.4f}")
            weights = FOLDER / f"{name}.safetensors"
            save_file(network.state_dict(), weights)
            analyse(name, weights, dataset)
    say("Stopped everything")


if __name__ == "__main__":
    main()
