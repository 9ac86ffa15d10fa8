"""Work outside a request: the worker, the mail it delivers, and what it clears away."""
