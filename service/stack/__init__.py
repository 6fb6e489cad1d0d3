"""``gradflat up``: broker, API and worker as children of one process."""
