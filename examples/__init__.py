"""Jobs to POST, and a demonstration that runs two of them."""
