"""Pages of web sites: fetched politely, only when they changed."""
