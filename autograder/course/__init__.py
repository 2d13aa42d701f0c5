"""nbgrader's course folder and the rules of a course: its configuration, its roster, what handing in late costs."""
