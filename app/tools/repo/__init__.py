"""Tools in the database."""
