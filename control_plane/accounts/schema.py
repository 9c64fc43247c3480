"""The tables of accounts, and the steps by which an older database gets them.

Every step may be taken again where it was cut off in the middle, as MySQL ends the transaction at
each change of a table; and it adds what older releases do not mind, since some of them may still
run. Identifiers compare byte by byte, on SQLite as on MySQL.
"""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    insert,
    inspect,
    select,
)
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql import func, text

_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}
_ID: Final = String(64)

metadata = MetaData()

versions = Table(
    "schema_version",
    metadata,
    Column("version", Integer, primary_key=True, autoincrement=False),
    **_OPTIONS,
)

users = Table(
    "users",
    metadata,
    Column("user_id", _ID, primary_key=True),
    Column("name", _ID, nullable=False, unique=True),
    Column("roles", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    Column("deleted_at", Double),
    Index("users_deleted", "deleted_at"),
    **_OPTIONS,
)
"""``deleted_at`` is set while what is left of a deleted user goes."""

tokens = Table(
    "tokens",
    metadata,
    Column("token_id", _ID, primary_key=True),
    Column("user_id", _ID, nullable=False, index=True),
    Column("sha256", _ID, nullable=False, unique=True),
    Column("name", _ID, nullable=False, index=True),
    Column("roles", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("expires_at", Double),
    Column("last_used", Double),
    **_OPTIONS,
)

channels = Table(
    "channels",
    metadata,
    Column("channel_id", _ID, primary_key=True),
    Column("owner", _ID, index=True),
    Column("title", String(256), nullable=False),
    Column("description", Text, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("followers", Integer, nullable=False),
    Column("deleted_at", Double),
    Index("channels_deleted", "deleted_at"),
    **_OPTIONS,
)
"""``followers`` is counted along, as a count of millions would take seconds."""

follows = Table(
    "follows",
    metadata,
    Column("user_id", _ID, primary_key=True),
    Column("channel_id", _ID, primary_key=True, index=True),
    Column("at", Double, nullable=False),
    **_OPTIONS,
)
"""By user, as a feed asks; by channel for the day on which one is deleted."""

Step = Callable[[Connection], None]


def _first_tables(connection: Connection) -> None:
    metadata.create_all(connection)


STEPS: Final[tuple[Step, ...]] = (_first_tables,)
"""In their order, for ever: a step that a release had is never changed."""


def add_column(connection: Connection, table: Table, column: str) -> None:
    """For steps: adds ``column`` of ``table`` to the database unless it is there."""
    there = {known["name"] for known in inspect(connection).get_columns(table.name)}
    if column not in there:
        written = CreateColumn(table.c[column]).compile(dialect=connection.dialect)
        connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {written}"))


def migrate(connection: Connection, steps: tuple[Step, ...] = STEPS) -> int:
    """Takes the steps that the database has not gone yet; the version that it has then, which is
    higher where a newer release was there. Whoever calls it keeps others from doing so too."""
    versions.create(connection, checkfirst=True)
    reached: int = connection.scalar(select(func.coalesce(func.max(versions.c.version), 0))) or 0
    for number, step in enumerate(steps[reached:], reached + 1):
        step(connection)
        connection.execute(insert(versions).values(version=number))
    return max(reached, len(steps))
