"""Exports of other products as threads and messages: no database, no web, no more memory than one entry needs."""
