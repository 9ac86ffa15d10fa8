"""Questions to the tables of accounts."""
