"""Those who are compared. Each is a program of its own, in an environment of its own, that answers jobs."""
