"""Pages of knowledge bases, their sources and what a search finds in them."""
