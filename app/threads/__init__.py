"""Threads: who said what, how it went, and what people think of it."""
