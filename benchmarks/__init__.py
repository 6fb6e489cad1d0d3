"""What the numerics cost and how well they do, against public code where there is any.

``python -m benchmarks --quick``; see README.md.
"""
