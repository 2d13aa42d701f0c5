"""Grading: a submission in, a record of verdicts and points out."""
