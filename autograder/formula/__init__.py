"""Formulas as answers: `reader` (LaTeX to numbers, NumPy alone, for students too) and `judge` (the teacher's half)."""
