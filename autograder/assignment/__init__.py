"""What an assignment is, how its folder is loaded, and what is made of it for students."""
