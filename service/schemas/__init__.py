"""The vocabulary that both processes share: pydantic and the standard library only."""
