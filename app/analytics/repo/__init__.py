"""What is read for figures and for the search page."""
