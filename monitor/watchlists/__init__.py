"""What analysts keep in git: watchlists as YAML, read, checked with places, and turned into expressions to match."""
