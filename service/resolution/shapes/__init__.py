"""The shape of one sample, from layer to layer."""
