"""The oracle, the questions, the assignment and its grading."""
