"""Files of others as text: `detection.detect` says what a file is, `parsing.parse` reads it in a limited child process.

The other modules read one format each. They run in that child only, where the web application is never loaded.
"""
