"""Which days figures are for, and sample data."""
