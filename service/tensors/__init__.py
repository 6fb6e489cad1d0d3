"""Uploaded safetensors files: checked by hand before any library sees them."""
