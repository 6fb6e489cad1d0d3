"""The command line: ``gradflat up | api | worker | keys | submit | report``."""

from service.cli.main import main

__all__ = ["main"]
