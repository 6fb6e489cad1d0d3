"""Jobs, their shards and their history."""
