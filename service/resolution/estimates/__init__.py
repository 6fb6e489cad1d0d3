"""Time and memory that a job will need, before it runs."""
