"""Runs: begun by a person or a program, done by a worker."""
