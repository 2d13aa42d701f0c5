"""One module per layer."""
