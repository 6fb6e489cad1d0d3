"""Claims a shard, has a runner compute it, and sees to it that one of them ends it."""
