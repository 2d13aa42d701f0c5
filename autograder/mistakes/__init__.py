"""Which mistake is in a wrong answer: banks of mistakes, written or derived from a forward pass, and the search."""
