"""Changes of agents, publishing them, and personas."""
