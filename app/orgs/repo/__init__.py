"""Organisations, members, invitations and the instance in the database."""
