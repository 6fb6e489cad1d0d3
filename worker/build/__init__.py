"""Specifications to objects, one exhaustive match for each union."""

from worker.build.problems import Built, problem
from worker.build.searches import BuiltFinder, finder, starts

__all__ = ["Built", "BuiltFinder", "finder", "problem", "starts"]
