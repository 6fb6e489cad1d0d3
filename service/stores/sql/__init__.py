"""The database, and what rows of every kind share."""
