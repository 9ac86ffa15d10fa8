"""Pages and streams of runs."""
