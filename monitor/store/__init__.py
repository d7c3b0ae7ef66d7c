"""What is remembered between records and restarts: sources, matches, alerts and what is owed to whom."""

from monitor.store.sql import SqlStore, open_store

__all__ = ["SqlStore", "open_store"]
