"""The store's revisions, one file each in ``versions``; Alembic is imported only when one is due."""
