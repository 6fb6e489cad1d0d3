"""MINRES-QLP: minimum-residual, minimum-length solutions."""
