"""What the service does for a tenant, without HTTP."""
