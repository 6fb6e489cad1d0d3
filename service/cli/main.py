"""The group of all commands."""

from importlib import import_module
from typing import final

import click
from typing_extensions import override

_MODULES = {
    "up": "service.cli.processes",
    "api": "service.cli.processes",
    "worker": "service.cli.processes",
    "keys": "service.cli.keys",
    "doctor": "service.cli.doctor",
    "submit": "service.cli.jobs",
    "report": "service.cli.jobs",
    "log": "service.cli.jobs",
    "presets": "service.cli.presets",
}


@final
class Commands(click.Group):
    """Imports a command when it is called for: a client needs no server's modules."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_MODULES)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _MODULES:
            return None
        return getattr(import_module(_MODULES[cmd_name]), cmd_name)


@click.group(cls=Commands, context_settings={"max_content_width": 88})
@click.version_option(package_name="gradflat")
def main() -> None:
    """Critical points of neural-network losses, computed on demand."""
