"""Changes of connections, and what others ask of them."""
