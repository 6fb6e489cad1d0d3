"""The command line, ``gradflat``."""

from service.cli.main import main

__all__ = ["main"]
