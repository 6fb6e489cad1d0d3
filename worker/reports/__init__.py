"""Results of searches, mapped to the report's schemas."""
