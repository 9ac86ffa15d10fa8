"""The command line: `flask --app wsgi noun verb`."""
