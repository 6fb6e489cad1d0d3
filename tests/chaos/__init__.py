"""A service under fire: random processes are killed and frozen while jobs come in."""
