"""``nearcast versions``, ``rollback`` and ``remove`` at a control plane with a real origin."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.control_service import TOKENS, control_plane
from tests.integration.versions_service import Operator, Origin, origin_of, with_origin

MOMENT = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC"


@dataclass
class System:
    """A control plane and its origin."""

    url: str
    operator: Operator
    origin: Origin

    async def run(self, *words: str, token: str = "operator") -> tuple[int, list[str], str]:
        """Status, lines and complaint of a command."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "deploy", *words),
            *("--control", self.url, "--token", TOKENS[token]),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode().splitlines(), errors.decode()


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with origin_of(tmp_path) as origin, origin.running():
        settings = with_origin(tmp_path, origin, heartbeat_timeout=3600.0)
        async with control_plane(settings) as talk:
            await talk.beat("eu-1")
            operator = Operator(talk)
            for version in ("1", "2"):
                await operator.announce(await origin.package(version))
            yield System(f"http://127.0.0.1:{settings.listen.port}", operator, origin)


async def test_versions_are_listed_and_rolled_back_to(system: System) -> None:
    status, lines, _ = await system.run("versions", "a", token="publisher")
    assert status == 0
    assert re.fullmatch(rf"2  {MOMENT} +0\.1 MB +5 objects  on 0 edges  current", lines[0])
    assert re.fullmatch(rf"1  {MOMENT} +0\.1 MB +5 objects  on 0 edges", lines[1])

    told = await system.run("rollback", "a", "1")
    assert told == (0, ["Viewers of a get version 1 now."], "")
    assert await system.operator.current() == "1"


async def test_a_removal_is_waited_for_until_it_is_proven(system: System) -> None:
    running = asyncio.create_task(system.run("remove", "a", "2", "--wait"))
    async with asyncio.timeout(30):
        while not (listed := await removals(system)):  # noqa: ASYNC110 - the command's doing
            await asyncio.sleep(0.05)
    await system.operator.confirm("eu-1", listed[0])
    status, lines, complaint = await running

    assert (status, complaint) == (0, "")
    assert lines[0] == (
        f"Removing version 2 of asset a: removal {listed[0]}. Viewers get version 1 now."
    )
    assert re.fullmatch(
        rf"Edge eu-1: nothing left in any process, in memory or on disk, confirmed at {MOMENT}\.",
        lines[-3],
    )
    assert re.fullmatch(
        rf"Origin: 6 objects deleted, a listing found nothing left at {MOMENT}\.", lines[-2]
    )
    assert lines[-1] == "Removed everywhere: version 2 of asset a."
    _, lines, _ = await system.run("versions", "a")
    assert lines[0].endswith(f"removed by {listed[0]}")


async def removals(system: System) -> list[str]:
    _, body, _ = await system.operator.talk.call("GET", "/v1/removals", "operator")
    return [removal["removal_id"] for removal in body]


async def test_edges_that_are_away_are_named(tmp_path: Path) -> None:
    async with origin_of(tmp_path) as origin, origin.running():
        settings = with_origin(tmp_path, origin, heartbeat_timeout=1.0)
        async with control_plane(settings) as talk:
            await talk.beat("eu-1")
            await Operator(talk).announce(await origin.package("1"))
            system = System(f"http://127.0.0.1:{settings.listen.port}", Operator(talk), origin)
            status, lines, complaint = await system.run("remove", "a", "--wait")

    assert (status, complaint) == (
        1,
        "Error: Edges that are away, eu-1, remove it before they serve again; all others have.\n",
    )
    assert "Viewers get nothing of it any more." in lines[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("versions", "b"), "There is no asset 'b'."),
        (("rollback", "a", "9"), "Asset a has no version '9'."),
        (("remove", "a", "9"), "Asset a has no version '9'."),
        (("remove", "../a"), "There is no asset '../a'."),
    ],
)
async def test_what_is_not_there_is_told_in_a_sentence(
    system: System, words: tuple[str, ...], sentence: str
) -> None:
    assert await system.run(*words) == (1, [], f"Error: {sentence}\n")


async def test_without_a_system_it_is_told_what_to_do(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "deploy", "versions", "a", "--home", str(tmp_path)),
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert "run `nearcast up` first, or name one with --control and --token" in errors.decode()
