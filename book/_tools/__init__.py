"""Command-line tools for a built book: `python -m book._tools.print_pdf` and the like."""
