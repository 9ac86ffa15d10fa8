"""Organisations, members, invitations, keys, and the gate in front of every page."""
