"""The course's assignments, a folder each."""
