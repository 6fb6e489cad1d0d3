"""The client that a stranger would generate from the committed OpenAPI document."""

import importlib
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"


def generate(folder: Path) -> Path:
    """Generates the client, without a warning; returns the folder to import it from."""
    tools = Path(sys.executable).parent
    command = [
        *(tools / "openapi-python-client", "generate", "--fail-on-warning"),
        *("--path", DOCUMENT, "--output-path", folder / "client"),
    ]
    # The generator formats with ruff, which it looks for on the path.
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "client"


class GeneratedClient:
    """Modules of the generated package by their dotted names."""

    def __getitem__(self, name: str) -> ModuleType:
        return importlib.import_module(f"gradflat_client{name and '.' + name}")


@contextmanager
def importable(folder: Path) -> Generator[GeneratedClient]:
    """The generated package while it can be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield GeneratedClient()
    finally:
        sys.path.remove(str(folder))
        for name in [it for it in sys.modules if it.startswith("gradflat_client")]:
            del sys.modules[name]
