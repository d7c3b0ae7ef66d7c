"""What Alembic runs for each command: the revisions, in the transaction of the connection that it was given."""

from __future__ import annotations

from alembic import context

from monitor.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
