"""The command that shows the jobs that come with gradflat."""

import json

import click

from service import presets as jobs


@click.command()
@click.argument("name", required=False, type=click.Choice(jobs.names()))
def presets(name: str | None) -> None:
    """List the paper's experiments, or print the job NAME as JSON."""
    if name is not None:
        click.echo(jobs.read(name), nl=False)
        return
    width = max(map(len, jobs.names()))
    for each in jobs.names():
        about = json.loads(jobs.read(each))["labels"]["about"]
        click.echo(f"{each:{width}}  {about}")
