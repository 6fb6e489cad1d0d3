"""The one loop that runs every finder on a batch of starts."""
