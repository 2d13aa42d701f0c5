"""The first homework: `assignment.py` puts it together, the other modules are its data."""
