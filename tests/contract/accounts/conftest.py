"""Accounts on SQLite and on a real MariaDB, for tests."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from control_plane.accounts import Accounts, AccountsSettings, open_accounts
from tests.contract.accounts.service import asked
from tests.servers.databases import Server, mariadb
from tests.unit.control_plane.clock import Clock


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with mariadb(tmp_path_factory.mktemp("mariadb")) as server:
        yield server


@pytest.fixture(params=["sqlite", "mariadb"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> AccountsSettings:
    if request.param == "sqlite":
        return AccountsSettings(sqlite=tmp_path / "data" / "accounts.sqlite")
    server = request.getfixturevalue("server")
    for (table,) in asked(server, "SHOW TABLES"):
        if table != "schema_version":
            asked(server, f"DELETE FROM {table}")
    return AccountsSettings(mysql=server.url)


@pytest.fixture
def without_tables(settings: AccountsSettings, request: pytest.FixtureRequest) -> AccountsSettings:
    if settings.mysql is not None:
        server = request.getfixturevalue("server")
        for (table,) in asked(server, "SHOW TABLES"):
            asked(server, f"DROP TABLE {table}")
    return settings


@pytest.fixture
async def accounts(settings: AccountsSettings) -> AsyncIterator[Accounts]:
    opened = await open_accounts(settings, Clock())
    yield opened
    await opened.close()


@pytest.fixture
async def other(settings: AccountsSettings, accounts: Accounts) -> AsyncIterator[Accounts]:
    """Those of a second control plane."""
    opened = await open_accounts(settings, Clock())
    yield opened
    await opened.close()
