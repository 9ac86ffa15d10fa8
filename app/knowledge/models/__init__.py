"""Bases, sources, generations, passages and vectors."""
