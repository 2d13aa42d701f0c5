"""Graded questions: what they are, how students check them at home, and how they are graded on hidden draws."""
