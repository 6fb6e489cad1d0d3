"""The paper's experiments, run through the API: what `docs/experiments.md` states."""
