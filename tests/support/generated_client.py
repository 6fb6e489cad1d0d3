"""Clients that strangers would generate from the committed OpenAPI document."""

import importlib
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
PACKAGE = "gradflat_client"
OTHER_PACKAGE = "gradflat_openapi"


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


def generate_with_java(folder: Path) -> Path:
    """Generates a client with the generator of most languages, here for Python."""
    command = [
        *(Path(sys.executable).with_name("openapi-generator-cli"), "generate"),
        *("-g", "python", "--additional-properties", f"packageName={OTHER_PACKAGE}"),
        *("-i", DOCUMENT, "-o", folder / "client"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ERROR" not in done.stdout, done.stdout
    return folder / "client"


class GeneratedClient:
    """Modules of a generated package by their dotted names."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getitem__(self, name: str) -> ModuleType:
        return importlib.import_module(f"{self._package}{name and '.' + name}")


@contextmanager
def importable(folder: Path, package: str = PACKAGE) -> Generator[GeneratedClient]:
    """The generated package while it can be imported."""
    sys.path.insert(0, str(folder))
    try:
        yield GeneratedClient(package)
    finally:
        sys.path.remove(str(folder))
        for name in [it for it in sys.modules if it.startswith(package)]:
            del sys.modules[name]
