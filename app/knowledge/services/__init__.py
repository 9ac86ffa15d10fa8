"""What people and workers do with knowledge bases."""
