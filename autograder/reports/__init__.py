"""What people read: feedback for students, the report on a class."""
