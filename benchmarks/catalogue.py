"""All benchmarks."""

from benchmarks.benchmark import Benchmark
from benchmarks.finders import comparison, picture

BENCHMARKS = (Benchmark(name="finders", run=comparison.run, plot=picture.plot),)
