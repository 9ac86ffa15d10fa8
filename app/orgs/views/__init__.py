"""Pages of the first run, of organisations and of the platform."""
