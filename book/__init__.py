"""The pages of the course, and `kit`, what their cells use."""
