"""``nearcast users`` and ``nearcast tokens``, at a control plane over real sockets."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.accounts_service import Town, town
from tests.integration.control_service import TOKENS


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Town]:
    async with town(tmp_path) as opened:
        yield opened


async def run(place: Town, *words: str, token: str = "operator") -> tuple[int, list[str], str]:
    """Status, lines and complaint of a command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", *words),
        *("--control", place.url, "--token", TOKENS[token]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines(), errors.decode()


async def test_users_are_made_listed_and_disabled_and_their_tokens_taken_back(place: Town) -> None:
    status, (told,), _ = await run(
        place, "users", "add", "ann", "--role", "viewer", "--role", "publisher"
    )
    assert (status, told.split()[:4]) == (0, ["ann", "is", "the", "user"])

    status, (secret,), said = await run(
        place, "tokens", "create", "ann", "phone", "--role", "viewer", "--days", "30"
    )
    token_id = said.split()[1]
    assert status == 0
    assert (await place.ask(secret, "GET", "/v1/me"))[1]["roles"] == ["viewer"]

    _, (line,), _ = await run(place, "tokens", "list", "ann")
    assert line.split()[:5] == [token_id, "phone", "viewer", "never", "used"]
    _, told_of_disabling, _ = await run(place, "users", "disable", "ann")
    assert told_of_disabling == ["The tokens of ann open nothing from now on."]
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 401
    _, (line,), _ = await run(place, "users")
    assert line.split()[1:] == ["ann", "publisher,", "viewer", "disabled"]
    await run(place, "users", "enable", "ann")
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 200

    assert (await run(place, "tokens", "revoke", "ann", token_id))[0] == 0
    assert (await place.ask(secret, "GET", "/v1/me"))[0] == 401


@pytest.mark.parametrize(
    ("words", "token", "complaint"),
    [
        (("users", "add", "Ann"), "operator", "valid UserRequest"),
        (("tokens", "list", "nobody"), "operator", "There is no user 'nobody'"),
        (("users",), "publisher", "The credential 'publisher' may not do this"),
    ],
)
async def test_what_is_refused_is_told_in_a_sentence(
    place: Town, words: tuple[str, ...], token: str, complaint: str
) -> None:
    status, lines, told = await run(place, *words, token=token)

    assert (status, lines) == (1, [])
    assert told.startswith("Error: ")
    assert complaint in told
