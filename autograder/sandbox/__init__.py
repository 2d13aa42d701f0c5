"""Runs a submission's cells and functions apart from everything else; it knows no question."""
