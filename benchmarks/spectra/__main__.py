"""The command: ``python -m benchmarks.spectra``, for this benchmark alone."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[1:1] = ["--only", "spectra"]
    runpy.run_module("benchmarks", run_name="__main__")
