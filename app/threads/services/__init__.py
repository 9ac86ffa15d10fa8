"""Changes of threads and messages, each with its audit row."""
