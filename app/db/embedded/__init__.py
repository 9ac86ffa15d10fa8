"""The PostgreSQL that comes with the product: places, account, start, stop, sharing.

Only the standard library, so that `start.py` can use it with any Python, before anything is installed.
"""
