"""Agent drafts: what an agent is told, which model answers, what it may use."""
