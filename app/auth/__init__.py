"""Accounts, sessions, one-time links, factors, external sign-in."""
