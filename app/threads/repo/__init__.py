"""Threads, messages and what people think of them in the database."""
