"""What every domain's pages share: access marks, rendering, lists, errors, security headers."""
