"""Tools: their schemas, changes of them, and calls."""
