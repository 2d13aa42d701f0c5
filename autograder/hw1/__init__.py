"""hw1: its notebooks as text, its steps and its bank of mistakes."""
