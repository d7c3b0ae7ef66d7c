"""Watchlists as analysts keep them: YAML read with places, checked, and turned into what `matching` evaluates."""
