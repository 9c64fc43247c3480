"""``nearcast origin-check`` as an operator runs it."""

import asyncio
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import tomli_w

from origin.store import StoreSettings, open_store
from tests.stores import OBJECTS, publish

SEGMENT = "v/a/1/video/00001.m4s"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two stores that hold the same two versions, and the settings of an origin."""

    async def fill() -> None:
        for region in ("eu", "us"):
            async with open_store(StoreSettings(folder=tmp_path / region)) as store:
                await publish(store, "1")
                await publish(store, "2")

    asyncio.run(fill())
    document = {
        "listen": {"port": 8443},
        "region": "us",
        "store": {"folder": "us"},
        "sources": [{"name": "eu", "folder": "eu"}],
        "credentials": [{"name": "edge", "token": "a-token-of-an-edge", "roles": ["edge"]}],
    }
    (tmp_path / "origin.toml").write_text(tomli_w.dumps(document))
    return tmp_path


def run(home: Path, *options: str) -> tuple[int, list[str], str]:
    """The exit status, what it prints, and what goes wrong."""
    command = [sys.executable, "-m", "deploy", "origin-check"]
    done = subprocess.run(
        [*command, "--config", str(home / "origin.toml"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout.splitlines(), done.stderr


def test_all_is_well(home: Path) -> None:
    assert run(home) == (
        0,
        [f"us, eu: 2 versions, {4 * len(OBJECTS)} objects looked at, 0 flaws, 0 repaired"],
        "",
    )


def test_what_is_wrong_is_told_and_then_repaired(home: Path) -> None:
    (home / "us" / SEGMENT).unlink()
    shutil.rmtree(home / "eu/v/a/2")
    (home / "us/v/a/1/lost.mp4").write_bytes(b"lost")
    status, lines, _ = run(home)
    assert status == 1
    assert lines == [
        f"us: missing: {SEGMENT}",
        "us: extra: v/a/1/lost.mp4 (no manifest names it)",
        "eu: no package: v/a/2/",
        "us, eu: 2 versions, 12 objects looked at, 2 flaws, 0 repaired",
    ]

    status, lines, _ = run(home, "--repair")
    assert (status, lines[0]) == (0, f"us: missing: {SEGMENT}: repaired")
    assert lines[2] == "eu: no package: v/a/2/: repaired"
    assert run(home, "--deep")[0] == 0


def test_what_nobody_has_is_not_repaired(home: Path) -> None:
    for region in ("eu", "us"):
        (home / region / SEGMENT).unlink()
    status, lines, _ = run(home, "--repair")

    assert status == 1
    assert f"us: missing: {SEGMENT}: not repaired. " in lines[0]
    assert "it is not there" in lines[0]


def test_a_store_that_cannot_be_read_is_told_in_one_sentence(home: Path) -> None:
    shutil.rmtree(home / "eu")
    (home / "eu").write_text("a file in its place")
    status, lines, told = run(home)

    assert (status, lines) == (2, [])
    assert told.count("\n") == 1
    assert str(home / "eu") in told
