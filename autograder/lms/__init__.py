"""Learning management systems: what is downloaded from them, and what they import."""
