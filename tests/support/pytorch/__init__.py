"""Networks and layers in PyTorch, and as this service describes them."""
