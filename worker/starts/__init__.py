"""Where searches begin."""
