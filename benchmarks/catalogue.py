"""All benchmarks."""

from benchmarks.batching import picture as batching_picture, together
from benchmarks.benchmark import Benchmark
from benchmarks.finders import comparison, picture as finders_picture
from benchmarks.growth import picture as growth_picture, scaling
from benchmarks.hessians import comparison as hessians, picture as hessians_picture
from benchmarks.scale import measuring as scale, picture as scale_picture
from benchmarks.service import picture as service_picture, serving
from benchmarks.spectra import comparison as spectra, picture as spectra_picture
from benchmarks.uploads import picture as uploads_picture, sending

BENCHMARKS = (
    Benchmark(name="finders", run=comparison.run, plot=finders_picture.plot),
    Benchmark(name="hessians", run=hessians.run, plot=hessians_picture.plot),
    Benchmark(name="spectra", run=spectra.run, plot=spectra_picture.plot),
    Benchmark(name="growth", run=scaling.run, plot=growth_picture.plot),
    Benchmark(name="batching", run=together.run, plot=batching_picture.plot),
    Benchmark(name="service", run=serving.run, plot=service_picture.plot),
    Benchmark(name="uploads", run=sending.run, plot=uploads_picture.plot),
    Benchmark(name="scale", run=scale.run, plot=scale_picture.plot),
)
