"""Alembic's way in: always run by `plumbing.warehouse.Warehouse.migrate`, on the connection that it gives."""

from alembic import context

connection = context.config.attributes["connection"]
connection.exec_driver_sql("create schema if not exists hourline")
context.configure(connection=connection, version_table="revision", version_table_schema="hourline")
with context.begin_transaction():
    context.run_migrations()
