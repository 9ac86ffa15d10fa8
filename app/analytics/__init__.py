"""What is read across domains: the search page and the figures of an organisation."""
