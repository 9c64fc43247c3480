"""A relational database behind asyncio: SQLite or MySQL and MariaDB, through SQLAlchemy.

Whoever asks waits two seconds at most, whatever becomes of the server. Reads and writes are whole
transactions, handed in as functions, since one that met another in the wrong order is done again.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from common import logs
from common.errors import NearcastError, SettingsInvalid, StorageFull, Unavailable
from common.service.client import client_context
from control_plane.accounts import schema
from control_plane.accounts.settings import AccountsSettings

T = TypeVar("T")
Work = Callable[[AsyncConnection], Awaitable[T]]

ANSWER_WITHIN: Final = 2.0
"""Seconds that a transaction may take, all attempts and the wait for a connection included."""
START_WITHIN: Final = 5.0
"""Seconds that a control plane waits for it when it starts."""
PREPARE_WITHIN: Final = 30.0
"""Seconds that all changes of tables may take."""
PREPARE_AGAIN: Final = 1.0
"""Seconds between attempts to reach a database that is away."""
LOOK_EVERY: Final = 2.0
"""Seconds between looks whether the database is there, where nobody asks it anything."""
ATTEMPTS: Final = 4
GOODBYE_WITHIN: Final = 1.0
"""Seconds that a server gets to hear that connections end."""

_MET_ANOTHER: Final = {1020, 1205, 1213}
"""MySQL's and MariaDB's words for: changed meanwhile, waited too long for a lock, deadlock."""
_FULL: Final = {1021, 1114, 28}
_READS: Final[dict[str, Any]] = {}
_WRITES: Final[dict[str, Any]] = {"nearcast_writes": True}

_log = logs.get(__name__)


class Duplicate(Exception):
    """A row of that key is there already; nothing of the transaction is done."""


class Database:
    """The database of accounts; it may be away at any time, also when it is opened."""

    def __init__(self, engine: AsyncEngine, what: str) -> None:
        """``what`` names it to people."""
        self._engine = engine
        self._what = what
        self._prepared = False
        self._trouble: str | None = "it has not answered yet"
        self._abandoned: set[asyncio.Task[Any]] = set()

    @classmethod
    async def open(cls, settings: AccountsSettings, authority: Path | None = None) -> "Database":
        """The database that the settings name, with all tables if it is there.

        Raises:
            SettingsInvalid: they name none, two, or one that is none.
        """
        # Drivers are imported for that, which reads files.
        engine, what = await asyncio.to_thread(_engine_of, settings, authority)
        database = cls(engine, what)
        with contextlib.suppress(NearcastError, TimeoutError):
            async with asyncio.timeout(START_WITHIN):
                await database.prepare()
        return database

    @property
    def trouble(self) -> str | None:
        """Why it does not answer; None while it does."""
        return self._trouble

    async def prepare(self, steps: tuple[schema.Step, ...] = schema.STEPS) -> None:
        """Brings the tables up to date; of several that try at once, one after the other does.

        Raises:
            Unavailable: the database does not answer.
        """
        # Where changes of tables end transactions, one around them would say what is not true.
        sqlite = self._engine.dialect.name == "sqlite"
        options = _WRITES if sqlite else {"isolation_level": "AUTOCOMMIT"}
        await self._attempts(lambda it: _migrated(it, steps), options, PREPARE_WITHIN)
        self._prepared = True

    async def run(self) -> None:
        """Looks for ever whether it is there, and prepares it once it is."""
        while True:
            with contextlib.suppress(NearcastError):
                if self._prepared:
                    await self.read(_ping)
                else:
                    await self.prepare()
            await asyncio.sleep(LOOK_EVERY if self._prepared else PREPARE_AGAIN)

    async def read(self, work: Work[T]) -> T:
        """What ``work`` reads in one transaction.

        Raises:
            Unavailable: the database does not answer.
        """
        self._check()
        return await self._attempts(work, _READS)

    async def write(self, work: Work[T]) -> T:
        """Does ``work`` in one transaction, which is durable when this returns; it is called again
        where another transaction was in the way. What it raises undoes all.

        Raises:
            Unavailable: the database does not answer; the work may be done all the same.
            StorageFull: no space is left.
            Duplicate: a row of that key is there.
        """
        self._check()
        return await self._attempts(work, _WRITES)

    async def close(self) -> None:
        """Ends the connections."""
        if self._abandoned:
            await asyncio.wait(self._abandoned, timeout=GOODBYE_WITHIN)
        with contextlib.suppress(TimeoutError, SQLAlchemyError, OSError):
            async with asyncio.timeout(GOODBYE_WITHIN):
                await self._engine.dispose()

    def _check(self) -> None:
        if not self._prepared:
            raise Unavailable(what=self._what, reason=self._trouble or "it is being prepared")

    async def _attempts(
        self, work: Work[T], options: dict[str, Any], within: float | None = None
    ) -> T:
        within = ANSWER_WITHIN if within is None else within
        held: list[Any] = []
        task = asyncio.create_task(self._tried(work, options, held))
        try:
            await asyncio.wait({task}, timeout=within)
        finally:
            if not task.done():
                self._abandon(task, held)
        if not task.done():
            raise self._told(f"no answer within {within:g} s")
        try:
            result = await task
        except IntegrityError as error:
            raise Duplicate from error
        except (SQLAlchemyError, OSError, TimeoutError) as error:
            if _number(error) in _FULL:
                raise StorageFull(where=self._what) from error
            raise self._told(_reason(error)) from error
        self._trouble = None
        return result

    async def _tried(self, work: Work[T], options: dict[str, Any], held: list[Any]) -> T:
        for left in reversed(range(ATTEMPTS)):
            try:
                return await self._once(work, options, held)
            except DBAPIError as error:
                if not left or not _again(error, options):
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, work: Work[T], options: dict[str, Any], held: list[Any]) -> T:
        async with self._engine.connect() as connection:
            held[:] = [(await connection.get_raw_connection()).driver_connection]
            await connection.execution_options(**options)
            async with connection.begin():
                return await work(connection)

    def _abandon(self, task: asyncio.Task[Any], held: list[Any]) -> None:
        """Lets go of a transaction that takes too long, or that nobody waits for any more."""
        task.cancel()
        self._abandoned.add(task)
        task.add_done_callback(self._forget)
        if self._engine.dialect.name != "sqlite":
            # However it ends, the last word of a transaction goes to the server, which may never
            # answer that either.
            for driver in held:
                driver.close()

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._abandoned.discard(task)
        if not task.cancelled():
            task.exception()

    def _told(self, reason: str) -> Unavailable:
        if self._trouble is None:
            _log.warning("the database of accounts is away", reason=reason)
        self._trouble = reason
        return Unavailable(what=self._what, reason=reason)


async def _ping(connection: AsyncConnection) -> None:
    await connection.execute(text("SELECT 1"))


async def _migrated(connection: AsyncConnection, steps: tuple[schema.Step, ...]) -> None:
    if connection.dialect.name == "sqlite":
        # The transaction is the lock.
        await connection.run_sync(schema.migrate, steps)
        return
    # Changes of tables end transactions, so that locks within one would protect nothing. Of the
    # connection itself the server takes it back, however that ends.
    lock = {"name": f"nearcast.{connection.engine.url.database}"[:64], "wait": int(ANSWER_WITHIN)}
    got = await connection.scalar(text("SELECT GET_LOCK(:name, :wait)"), lock)
    if got != 1:
        raise Unavailable(what="the database of accounts", reason="another one is preparing it")
    try:
        await connection.run_sync(schema.migrate, steps)
    finally:
        await connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": lock["name"]})


def _engine_of(settings: AccountsSettings, authority: Path | None) -> tuple[AsyncEngine, str]:
    match settings.sqlite, settings.mysql:
        case Path() as path, None:
            return _sqlite(path, settings.connections), f"the database {path.name}"
        case None, str() as given:
            context = client_context(authority) if settings.tls else None
            return _mysql(given, settings.connections, context), "the database of accounts"
        case _:
            raise SettingsInvalid(
                file="settings", key="accounts", expected="expected either sqlite or mysql"
            )


def _sqlite(path: Path, connections: int) -> AsyncEngine:
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        pool_size=connections,
        max_overflow=0,
        pool_timeout=ANSWER_WITHIN,
        connect_args={"timeout": ANSWER_WITHIN},
    )
    event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _set_up_sqlite(connection: Any, _: object) -> None:
    # The driver would begin transactions late, and never for reads or changes of tables.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that has read cannot wait for its turn to write.
    writes = connection.get_execution_options().get("nearcast_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _mysql(given: str, connections: int, context: ssl.SSLContext | None) -> AsyncEngine:
    try:
        url = make_url(given).set(drivername="mysql+aiomysql", query={"charset": "utf8mb4"})
    except (SQLAlchemyError, ValueError) as error:
        raise SettingsInvalid(
            file="settings", key="accounts.mysql", expected="expected the URL of a database"
        ) from error
    if not url.host or not url.database:
        raise SettingsInvalid(
            file="settings", key="accounts.mysql", expected="expected a server and a database"
        )
    arguments: dict[str, Any] = {
        "connect_timeout": ANSWER_WITHIN,
        # As long as all that a user may follow, in one value.
        "init_command": "SET SESSION innodb_lock_wait_timeout = 1, group_concat_max_len = 1048576, "
        "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION'",
    }
    if context is not None:
        arguments["ssl"] = context
    return create_async_engine(
        url,
        # The default would lock what lies between rows, and meet others there for nothing.
        isolation_level="READ COMMITTED",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=ANSWER_WITHIN,
        # Servers and what lies before them drop connections that are idle for long.
        pool_recycle=300,
        pool_pre_ping=True,
        connect_args=arguments,
    )


def _again(error: DBAPIError, options: dict[str, Any]) -> bool:
    """Whether the transaction may be done again: it is not done, and others were in its way; or it
    has only read, on a connection that was lost."""
    return _number(error) in _MET_ANOTHER or (error.connection_invalidated and options is _READS)


def _number(error: Exception) -> int | None:
    origin = getattr(error, "orig", None)
    number = origin.args[0] if origin is not None and origin.args else None
    if isinstance(number, int):
        return number
    return 1114 if "disk is full" in str(origin) else None


def _reason(error: Exception) -> str:
    """What the driver says, without the statement and its values."""
    origin = getattr(error, "orig", None) or error
    said = origin.args[-1] if origin.args else origin
    return str(said).strip().rstrip(".")[:200] or type(error).__name__
