"""Networks: layers, initialisation, losses, and named weights."""
