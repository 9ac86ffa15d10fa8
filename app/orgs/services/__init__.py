"""What changes an organisation, who belongs to it, and the instance itself."""
