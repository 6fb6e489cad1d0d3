"""The command: ``python -m benchmarks.hessians``, for this benchmark alone."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[1:1] = ["--only", "hessians"]
    runpy.run_module("benchmarks", run_name="__main__")
