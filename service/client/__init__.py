"""A small client of the HTTP interface, for the command line and for scripts."""

from service.client.client import Client
from service.client.failures import Refused, Unreachable

__all__ = ["Client", "Refused", "Unreachable"]
