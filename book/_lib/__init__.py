"""What the code cells of the pages import."""
