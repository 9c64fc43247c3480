"""``nearcast purge`` at a control plane, with edges that are real or but said to be there."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.integration.control_service import TOKENS, control_plane, control_settings
from tests.integration.purges_service import PATHS, Fleet, Operator, fleet_in, origin_running
from tests.servers.processes import free_ports


async def run(port: int, *words: str, token: str = "operator") -> tuple[int, list[str], str]:
    """Status, lines and complaint of the command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "purge", *words),
        *("--control", f"http://127.0.0.1:{port}", "--token", TOKENS[token]),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode().splitlines(), errors.decode()


@pytest.fixture
async def fleet(tmp_path: Path) -> AsyncIterator[Fleet]:
    async with (
        origin_running() as origin,
        fleet_in(tmp_path, origin) as made,
        made.edge_running(),
    ):
        yield made


async def test_it_ends_when_every_edge_has_done_it(fleet: Fleet) -> None:
    await fleet.fill()

    status, lines, complaint = await run(fleet.control.listen.port, "--asset", "a")

    assert (status, complaint) == (0, "")
    assert re.fullmatch(r"Purging all of /v/a/: purge [0-9a-f]{16}\.", lines[0])
    assert lines[-2] == "Edges: 100% (1 of 1)"
    assert re.fullmatch(r"1 edge has done it, the slowest, eu-1, after \d+ ms\.", lines[-1])
    assert await fleet.asked_again() == dict.fromkeys(PATHS[:3])


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--asset", "a", "--version", "1"), "all of /v/a/1/"),
        (("--url", "https://e.example.org/v/a/1/x.m4s?y=z"), "/v/a/1/x.m4s"),
        (("--prefix", "/v/a/1/720p"), "all of /v/a/1/720p"),
        (("--surrogate-key", "red"), "all with the surrogate key red"),
        (("--everything", "--soft"), "everything, softly"),
    ],
)
async def test_each_way_of_naming_is_taken(
    tmp_path: Path, words: tuple[str, ...], told: str
) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings):
        status, lines, complaint = await run(settings.listen.port, *words)

    assert (status, complaint) == (0, "")
    assert lines[0].startswith(f"Purging {told}: purge ")
    assert lines[-1] == "No edge is there that has to."


async def test_edges_that_are_away_are_named(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, geoip=(), heartbeat_timeout=3.0)
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        await talk.beat("eu-2")

        async def follow() -> None:
            """Is an edge that carries purges out."""
            known = 0
            while True:
                await talk.beat("us-1", purges=known)
                if told := await Operator(talk).orders("us-1", known):
                    known = told["head"]
                await asyncio.sleep(0.1)

        following = asyncio.create_task(follow())
        status, lines, complaint = await run(settings.listen.port, "--everything")
        following.cancel()

    assert status == 1
    assert re.fullmatch(r"1 edge has done it, the slowest, us-1, after \d+ ms\.", lines[-1])
    assert complaint == (
        "Error: Edges that are away, eu-1, eu-2, do it before they serve again; all others have.\n"
    )


async def test_edges_that_take_long_are_named(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, geoip=(), heartbeat_timeout=600.0)
    async with control_plane(settings) as talk:
        for edge in ("eu-1", "eu-2"):
            await talk.beat(edge)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", "purge", "--everything"),
            *("--control", f"http://127.0.0.1:{settings.listen.port}"),
            *("--token", TOKENS["operator"]),
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdout is not None
        lines = [(await process.stdout.readline()).decode() for _ in range(3)]
        process.terminate()
        await process.communicate()

    assert lines[1:] == [
        "Edges: 0% (0 of 2)\n",
        "Waiting for eu-1, eu-2; Ctrl-C ends this command, not the purge.\n",
    ]


async def test_without_waiting_it_ends_at_once(tmp_path: Path) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings) as talk:
        await talk.beat("eu-1")
        status, lines, complaint = await run(settings.listen.port, "--everything", "--no-wait")

        assert (status, len(lines), complaint) == (0, 1, "")
        found = re.fullmatch(r"Purging everything: purge ([0-9a-f]{16})\.", lines[0])
        assert found is not None
        assert await Operator(talk).states(found[1]) == {"eu-1": "pending"}


@pytest.mark.parametrize(
    ("words", "token", "sentence"),
    [
        (("--asset", "../a"), "operator", "not a valid PurgeRequest"),
        (("--prefix", "/w/"), "operator", "No path on an edge begins with '/w/'"),
        (("--everything",), "publisher", "may not do this"),
    ],
)
async def test_what_is_refused_is_told_in_a_sentence(
    tmp_path: Path, words: tuple[str, ...], token: str, sentence: str
) -> None:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings):
        status, lines, complaint = await run(settings.listen.port, *words, token=token)

    assert (status, lines) == (1, [])
    assert complaint.startswith("Error: ")
    assert sentence in complaint


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Give exactly one of --asset, --url, --prefix, --surrogate-key and --everything."),
        (("--asset", "a", "--everything"), "Give exactly one of --asset, --url, --prefix"),
        (("--version", "1", "--everything"), "--version is one of --asset."),
        (("--asset", ""), "Invalid value for '--asset': it is empty."),
    ],
)
async def test_options_that_make_no_purge_are_told_by_their_names(
    words: tuple[str, ...], sentence: str
) -> None:
    (port,) = free_ports(1)
    status, lines, complaint = await run(port, *words)

    assert (status, lines) == (2, [])
    assert f"Error: {sentence}" in complaint


async def test_without_a_system_it_is_told_what_to_do(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "purge", "--everything", "--home", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert "run `nearcast up` first, or name one with --control and --token" in errors.decode()
