"""Which mistake is in a wrong answer: the bank of mistakes, and the search for the one that explains an answer."""
