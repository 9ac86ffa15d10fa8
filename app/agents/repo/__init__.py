"""Agents, their versions and personas in the database."""
