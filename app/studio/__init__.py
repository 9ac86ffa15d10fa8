"""The data browser: tables, their structure and rows, read-only and for platform admins."""
