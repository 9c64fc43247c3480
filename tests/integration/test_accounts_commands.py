"""``nearcast users`` and ``nearcast tokens``, at a control plane over real sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.errors import NearcastError
from common.messages import AccountRole
from deploy import accounts
from deploy.client import Api, Refused
from deploy.edges import Work
from tests.integration.accounts_service import Town, town
from tests.integration.control_service import TOKENS

VIEWER, PUBLISHER = AccountRole.VIEWER, AccountRole.PUBLISHER


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as opened:
        yield opened


async def do(place: Town, work: Work, *, token: str = "operator") -> None:
    """What the command does."""
    api = await Api.open(ingest=place.url, control=place.url, token=TOKENS[token], ca=None)
    try:
        await work(api)
    finally:
        await api.close()


async def run(place: Town, *words: str) -> tuple[int | None, list[str], str]:
    """Status, lines and complaint of a command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *words),
        *("--control", place.url, "--token", TOKENS["operator"]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    return process.returncode, output.decode().splitlines(), errors.decode()


async def test_a_script_gets_the_secret_alone(place: Town) -> None:
    status, (told,), _ = await run(
        place, "users", "add", "ann", "--role", "viewer", "--role", "publisher"
    )
    assert (status, told.split()[:4]) == (0, ["ann", "is", "the", "user"])

    status, (secret,), said = await run(
        place, "tokens", "create", "ann", "phone", "--role", "viewer", "--days", "30"
    )

    assert (status, said.split()[0]) == (0, "Token")
    assert (await place.ask(secret, "GET", "/v1/me"))[1]["roles"] == ["viewer"]
    assert await run(place, "tokens", "list", "bob") == (1, [], "Error: There is no user 'bob'.\n")


async def test_users_are_listed_and_disabled_and_their_tokens_taken_back(
    place: Town, capsys: pytest.CaptureFixture[str]
) -> None:
    await do(place, accounts.listing)
    await do(place, accounts.adding("ann", (VIEWER, PUBLISHER)))
    await do(place, accounts.listing_tokens("ann"))
    told = capsys.readouterr().err.splitlines()
    assert told == ["There are no users yet.", "ann has no tokens."]
    await do(place, accounts.creating("ann", "phone", (), None))
    secret = capsys.readouterr().out.splitlines()[-1]
    assert (await place.ask(secret, "GET", "/v1/me"))[1]["roles"] == ["publisher", "viewer"]

    await do(place, accounts.disabling("ann", disabled=True))
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 401
    await do(place, accounts.listing)
    assert capsys.readouterr().out.splitlines()[-1].split()[1:] == [
        *("ann", "publisher,", "viewer", "disabled")
    ]
    await do(place, accounts.disabling("ann", disabled=False))
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200

    await do(place, accounts.listing_tokens("ann"))
    token_id, *told = capsys.readouterr().out.splitlines()[-1].split()
    assert told == ["phone", "publisher,", "viewer", "never", "used"]
    await do(place, accounts.revoking("ann", token_id))
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 401


async def test_what_is_refused_is_told(place: Town) -> None:
    refused: list[tuple[Work, str, type[NearcastError]]] = [
        (accounts.adding("Ann", (VIEWER,)), "operator", Refused),
        (accounts.listing_tokens("nobody"), "operator", accounts.NoSuchUser),
        (accounts.listing, "publisher", Refused),
    ]
    for work, token, error in refused:
        with pytest.raises(error):
            await do(place, work, token=token)
