"""Pages about what happens outside requests."""
