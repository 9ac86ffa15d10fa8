"""What accounts can do: sign in, change, recover."""
