"""A few lines a verb: options, one operation, and how its result is printed."""
