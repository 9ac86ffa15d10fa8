"""What the catalogue and the tables hold."""
