"""Alembic's entry: migrates over the connection that the application hands in."""

from alembic import context

from workflows.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True, compare_type=True)
with context.begin_transaction():
    context.run_migrations()
