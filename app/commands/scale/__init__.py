"""`flask seed scale`: much data of a realistic shape, the same for the same seed value, written by COPY.

`words` makes the vocabulary, `cast` the organisations with their people and agents, `blocks` their threads, and
`load` writes all of it in one transaction; `command` is what people type.
"""
