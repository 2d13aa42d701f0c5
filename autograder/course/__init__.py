"""A teacher's course folder: its configuration, its roster, the rules for lateness."""
