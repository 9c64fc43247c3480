"""What accounts cost with a million users: whom one follows, whose a token is, and to follow.

    python -m tests.bench.accounts [--database sqlite|mariadb] [--calls N]

Fills an empty database with a million users, 100,000 channels and 2,000 users who follow 1,000
channels each, and tells the median and the 99th percentile in milliseconds, one call after the
other. Nothing is remembered in the process but where that is said.
"""

import argparse
import asyncio
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from common.clock import SystemClock
from common.messages import AccountRole, TokenRequest
from control_plane.accounts import Accounts, AccountsSettings, open_accounts
from tests.servers.databases import mariadb

USERS, CHANNELS, KEEN, FOLLOWED = 1_000_000, 100_000, 2_000, 1_000
NUMBERS = {
    "sqlite": "(WITH RECURSIVE n(seq) AS (SELECT 0 UNION ALL SELECT seq + 1 FROM n"
    " WHERE seq < {last}) SELECT seq FROM n)",
    "mysql": "(SELECT seq FROM seq_0_to_{last})",
}
NAMED = {
    "sqlite": "printf('{kind}-%07d', {number})",
    "mysql": "CONCAT('{kind}-', LPAD({number}, 7, '0'))",
}


async def fill(connection: AsyncConnection) -> None:
    """All rows, made by the database itself."""
    kind = connection.dialect.name

    def numbers(count: int) -> str:
        return NUMBERS[kind].format(last=count - 1)

    def named(what: str, number: str) -> str:
        return NAMED[kind].format(kind=what, number=number)

    user, channel = named("u", "a.seq"), named("c", "a.seq")
    statements = (
        (
            "INSERT INTO users (user_id, name, roles, created_at, disabled)"
            f" SELECT {user}, {user}, 'viewer', 0, 0 FROM {numbers(USERS)} AS a"
        ),
        (
            "INSERT INTO channels (channel_id, owner, title, description, created_at, followers)"
            f" SELECT {channel}, {user}, 'Cooking', '', 0, 0 FROM {numbers(CHANNELS)} AS a"
        ),
        (
            "INSERT INTO follows (user_id, channel_id, at)"
            f" SELECT {user}, {named('c', f'(a.seq * 7919 + b.seq * 97) % {CHANNELS}')}, 0"
            f" FROM {numbers(KEEN)} AS a, {numbers(FOLLOWED)} AS b"
        ),
    )
    for statement in statements:
        await connection.execute(text(statement))


async def timed(what: str, calls: int, call: Callable[[int], Awaitable[object]]) -> None:
    times = []
    for number in range(calls):
        began = time.perf_counter()
        await call(number)
        times.append((time.perf_counter() - began) * 1e3)
    p99 = statistics.quantiles(times, n=100)[98]
    print(f"{what:<36} p50 {statistics.median(times):7.2f} ms   p99 {p99:7.2f} ms", flush=True)


async def measure(settings: AccountsSettings, calls: int) -> None:
    accounts = await open_accounts(settings, SystemClock())
    began = time.perf_counter()
    async with accounts._database._engine.begin() as connection:
        await fill(connection)
    print(f"filled in {time.perf_counter() - began:.0f} s", flush=True)
    chosen = random.Random(8)
    keen = [f"u-{chosen.randrange(KEEN):07}" for _ in range(calls)]
    await timed("follows of 1,000, asked", calls, lambda n: accounts.channels.followed_by(keen[n]))
    await timed(
        "follows of 1,000, remembered", calls, lambda n: accounts.channels_followed_by(keen[0])
    )
    await timed("whose a token is", calls, await tokens(accounts, chosen, calls))
    pairs = [(f"u-{chosen.randrange(KEEN, USERS):07}", f"c-{n:07}") for n in range(calls)]
    await timed("to follow", calls, lambda n: accounts.follow(*pairs[n]))
    await timed("to follow again", calls, lambda n: accounts.follow(*pairs[n]))
    await timed(
        "a page of what is followed", calls, lambda n: accounts.channels.follows(keen[n], "", 50)
    )
    at_once = min(calls, 64)
    began = time.perf_counter()
    for start in range(0, calls, at_once):
        some = keen[start : start + at_once]
        await asyncio.gather(*(accounts.channels.followed_by(user) for user in some))
    rate = calls / (time.perf_counter() - began)
    print(f"follows of 1,000, {at_once} at once           {rate:7.0f} a second", flush=True)
    await accounts.close()


async def tokens(
    accounts: Accounts, chosen: random.Random, calls: int
) -> Callable[[int], Awaitable[object]]:
    digests = []
    for _ in range(100):
        user = f"u-{chosen.randrange(USERS):07}"
        new = await accounts.add_token(user, TokenRequest("phone", (AccountRole.VIEWER,)))
        digests.append(hashlib.sha256(new.secret.encode()).digest())
    return lambda n: accounts.find(digests[n % len(digests)])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--database", choices=["sqlite", "mariadb"], action="append")
    parser.add_argument("--calls", type=int, default=1000)
    given = parser.parse_args()
    for database in given.database or ["sqlite", "mariadb"]:
        print(database)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            settings = AccountsSettings(sqlite=folder / "accounts.sqlite")
            if database == "mariadb":
                settings = AccountsSettings(mysql=stack.enter_context(mariadb(folder)).url)
            asyncio.run(measure(settings, given.calls))


if __name__ == "__main__":
    main()
