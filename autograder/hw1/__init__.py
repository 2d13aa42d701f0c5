"""The first homework: its notebooks as text, its formulas' targets, and how their answers are judged."""
