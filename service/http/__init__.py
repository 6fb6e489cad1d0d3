"""HTTP mechanics that know nothing of jobs: middlewares, bodies, conditions, ranges."""
