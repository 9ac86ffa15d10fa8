"""What the audit log can be asked, and its words."""
