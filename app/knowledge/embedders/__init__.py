"""Texts to vectors. Nothing here knows the database or the web."""
