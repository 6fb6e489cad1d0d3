"""The group of all commands."""

import click

from service.cli.jobs import report, submit
from service.cli.keys import keys
from service.cli.processes import api, up, worker


@click.group(context_settings={"max_content_width": 88})
@click.version_option(package_name="gradflat")
def main() -> None:
    """Critical points of neural-network losses, computed on demand."""


for _command in (up, api, worker, keys, submit, report):
    main.add_command(_command)
