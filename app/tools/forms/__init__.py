"""Forms of tools."""
