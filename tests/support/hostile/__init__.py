"""Files that pretend to be safetensors."""
