"""The worker: one process, one thread for each duty and each running task."""
