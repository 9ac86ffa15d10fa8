"""Agents that answer: models, tools, the loop between them, and those who follow it."""
