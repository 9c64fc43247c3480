"""``nearcast edges`` and its orders, at a control plane over real sockets."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.control_service import TOKENS, Talk, control_plane, control_settings


@dataclass
class System:
    """A control plane that has heard of two edges."""

    url: str
    talk: Talk

    async def start(self, *words: str, token: str = "operator") -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", "edges", *words),
            *("--control", self.url, "--token", TOKENS[token]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    async def run(self, *words: str, token: str = "operator") -> tuple[int, list[str], str]:
        """Status, lines and complaint of a command."""
        process = await self.start(*words, token=token)
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode().splitlines(), errors.decode()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    settings = control_settings(tmp_path, geoip=())
    async with control_plane(settings) as talk:
        await talk.beat("us-1", ready=False)
        await talk.beat("eu-1", load=0.42, used_bytes=1_500_000_000, fill_pending=7)
        await talk.publish("a")
        await talk.hold("eu-1", ("a", "1"))
        yield System(f"http://127.0.0.1:{settings.listen.port}", talk)


async def test_edges_are_listed_with_their_state(system: System) -> None:
    status, lines, complaint = await system.run()

    assert (status, complaint) == (0, "")
    assert lines[0].split() == [
        *("EDGE", "REGION", "STATE", "SHARE", "LOAD", "DISK", "HOLDS", "PENDING", "REASON")
    ]
    assert lines[1].split()[:3] == ["eu-1", "eu", "up"]
    assert lines[1].split()[4:] == ["42%", "1.5", "GB", "of", "10.0", "GB", "1", "7"]
    assert lines[2].split()[:3] == ["us-1", "us", "starting"]
    assert (
        len({line.index(word) for line, word in zip(lines[:2], ("STATE", "up"), strict=True)}) == 1
    )


async def test_an_edge_is_drained_maintained_and_put_back(system: System) -> None:
    assert await system.run("drain", "eu-1", "--reason", "new disks\x1b[2J") == (
        0,
        ["eu-1 gets no new viewers from now on; those that it has stay."],
        "",
    )
    _, lines, _ = await system.run()
    assert "ordered by operator: new disks?[2J" in lines[1]

    assert await system.run("maintain", "eu-1") == (
        0,
        ["eu-1 gets no viewers, and nobody is alarmed when it is silent."],
        "",
    )
    assert await system.run("serve", "eu-1") == (
        0,
        ["eu-1 takes viewers as its health allows."],
        "",
    )
    _, edges, _ = await system.talk.call("GET", "/v1/edges", "operator")
    assert edges[0]["standing"]["standing"] == "in-service"
    assert "ordered" not in (await system.run())[1][1]


@pytest.mark.parametrize(
    ("words", "token", "complaint"),
    [
        (("drain", "eu-9"), "operator", "The edge 'eu-9' has not been heard of"),
        (("drain", "eu-1"), "publisher", "The credential 'publisher' may not do this"),
        (("maintain", "eu-1"), "eu-1", "The credential 'eu-1' may not do this"),
        ((), "publisher", "The credential 'publisher' may not do this"),
        (("drain", "eu-1", "--reason", "x" * 600), "operator", "512"),
    ],
)
async def test_what_is_refused_is_told_in_a_sentence(
    system: System, words: tuple[str, ...], token: str, complaint: str
) -> None:
    status, lines, told = await system.run(*words, token=token)

    assert (status, lines) == (1, [])
    assert told.startswith("Error: ")
    assert complaint in told


async def test_options_may_stand_before_the_order(system: System) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "edges", "--control", system.url),
        *("--token", TOKENS["operator"], "drain", "eu-1"),
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.startswith(b"eu-1 gets no new viewers")


async def test_watching_goes_on_until_it_is_interrupted(system: System) -> None:
    process = await system.start("--watch")
    assert process.stdout is not None
    async with asyncio.timeout(30):
        seen = [await process.stdout.readline() for _ in range(7)]
    process.send_signal(signal.SIGINT)
    _, errors = await process.communicate()

    assert (process.returncode, errors) == (0, b"")
    assert [line.split()[0] for line in seen] == [b"EDGE", b"eu-1", b"us-1"] * 2 + [b"EDGE"]
