"""Whom to tell of what, and why not. Pure: no clock, no store, no network."""
