"""The first homework: its notebooks as text, its steps and mistakes, its formulas' targets and how they are judged."""
