"""Forms of agents and personas, and what their lists can be asked."""
