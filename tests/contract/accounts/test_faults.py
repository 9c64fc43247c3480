"""What accounts do when a database, or a control plane, does not do as it should."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from common.errors import SettingsInvalid, Unavailable
from control_plane.accounts import AccountsSettings, open_accounts
from tests.contract.accounts.service import new_user
from tests.servers.databases import Server
from tests.unit.control_plane.clock import Clock

WRITER = """
import asyncio, sys
from pathlib import Path
from common.clock import SystemClock
from common.messages import UserRequest
from control_plane.accounts import AccountsSettings, open_accounts

async def main(sqlite):
    accounts = await open_accounts(AccountsSettings(sqlite=Path(sqlite)), SystemClock())
    number = 0
    while True:
        print((await accounts.add_user(UserRequest(f"u{number}"))).user_id, flush=True)
        number += 1

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_control_plane_that_is_killed_loses_nobody_whom_it_answered(
    tmp_path: Path,
) -> None:
    settings = AccountsSettings(sqlite=tmp_path / "accounts.sqlite")
    accounts = await open_accounts(settings, Clock())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITER, str(settings.sqlite)),
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    told = [await process.stdout.readline() for _ in range(5)]
    process.send_signal(signal.SIGKILL)
    told += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()

    for line in told:
        if line.endswith(b"\n"):
            await accounts.people.user(line.decode().strip())
    await accounts.close()


async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    path.write_bytes(b"not a database at all" * 100)

    accounts = await open_accounts(AccountsSettings(sqlite=path), Clock())

    assert "not a database" in accounts.away()["accounts"]
    with pytest.raises(Unavailable, match=r"accounts\.sqlite"):
        await accounts.people.page("", 1)
    await accounts.close()


async def test_a_file_that_another_one_writes_to_for_long_is_told(tmp_path: Path) -> None:
    path = tmp_path / "accounts.sqlite"
    accounts = await open_accounts(AccountsSettings(sqlite=path), Clock())
    with sqlite3.connect(path, isolation_level=None) as busy:
        busy.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match=r"accounts\.sqlite"):
            await new_user(accounts)
        assert await accounts.people.page("", 1) == []
        busy.execute("ROLLBACK")
    busy.close()
    assert await new_user(accounts)
    await accounts.close()


@pytest.mark.parametrize(
    ("sqlite", "mysql"),
    [
        (None, None),
        (Path("a"), "mysql://db/nearcast"),
        (None, "mysql://"),
        (None, "mysql://db:x/y"),
    ],
)
async def test_settings_name_one_database(sqlite: Path | None, mysql: str | None) -> None:
    with pytest.raises(SettingsInvalid):
        await open_accounts(AccountsSettings(sqlite=sqlite, mysql=mysql), Clock())


async def test_a_server_that_hangs_is_told_within_seconds_and_then_asked_again(
    server: Server,
) -> None:
    accounts = await open_accounts(AccountsSettings(mysql=server.url), Clock())
    try:
        eve = await new_user(accounts, "eve")
        os.kill(server.pid, signal.SIGSTOP)
        try:
            told = await asyncio.gather(
                *(accounts.people.user(eve) for _ in range(20)),
                *(new_user(accounts, f"user-{n}") for n in range(20)),
                return_exceptions=True,
            )
        finally:
            os.kill(server.pid, signal.SIGCONT)
        assert {type(one) for one in told} == {Unavailable}
        assert accounts.away()
        assert (await accounts.people.user(eve)).name == "eve"
        assert not accounts.away()
    finally:
        await accounts.close()


async def test_who_goes_away_leaves_the_connection_to_others(settings: AccountsSettings) -> None:
    one = msgspec.structs.replace(settings, connections=1)
    accounts = await open_accounts(one, Clock())
    try:
        for number in range(20):
            asking = asyncio.create_task(new_user(accounts, f"user-{number}"))
            await asyncio.sleep(0)
            await asyncio.wait({asking}, timeout=number / 4000)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        assert await new_user(accounts)
    finally:
        await accounts.close()
