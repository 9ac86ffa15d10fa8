"""Pages that read from several domains."""
