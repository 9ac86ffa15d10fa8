"""Pages of agents: the list and single agents, and what is done to many of them."""
