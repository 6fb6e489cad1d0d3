"""The process that computes: limited, without credentials, led by a pipe."""
