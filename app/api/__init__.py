"""The JSON API for programs: what people do in pages, by key, with the same rights."""
