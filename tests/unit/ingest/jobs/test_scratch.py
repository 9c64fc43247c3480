"""Folders for work in progress, on a real disk."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import SettingsInvalid
from ingest.jobs.scratch import Scratch

HOLD = """
import asyncio, sys
from pathlib import Path
from ingest.jobs.scratch import Scratch
scratch = asyncio.run(Scratch.open(Path(sys.argv[1]), "other"))
(scratch.folder / "half.mp4").write_bytes(b"x")
print("held", flush=True)
sys.stdin.read()
"""


def other_process(root: Path) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.communicate()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "work"


async def names(folder: Path) -> list[str]:
    return await asyncio.to_thread(os.listdir, folder)


async def test_a_subfolder_is_empty_and_gone_after_use(root: Path) -> None:
    scratch = await Scratch.open(root, "me")
    async with scratch.subfolder("a") as folder:
        assert await names(folder) == []
        await asyncio.to_thread((folder / "x").touch)
    assert await names(scratch.folder) == []
    await scratch.close()


async def broken_work(scratch: Scratch) -> None:
    async with scratch.subfolder("a") as folder:
        await asyncio.to_thread((folder / "x").touch)
        raise KeyError


async def test_a_subfolder_is_gone_after_a_mistake_too(root: Path) -> None:
    scratch = await Scratch.open(root, "me")
    with pytest.raises(KeyError):
        await broken_work(scratch)
    assert await names(scratch.folder) == []
    await scratch.close()


async def test_closing_leaves_nothing(root: Path) -> None:
    scratch = await Scratch.open(root, "me")
    await scratch.close()
    assert await names(root) == []


def test_what_a_living_process_has_stays(root: Path) -> None:
    process = other_process(root)
    open_and_close(root)
    assert (root / "other" / "half.mp4").exists()
    end(process)


def test_what_a_dead_process_left_is_removed(root: Path) -> None:
    end(other_process(root))
    assert (root / "other" / "half.mp4").exists()
    open_and_close(root)
    assert list(root.iterdir()) == []


def open_and_close(root: Path) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from ingest.jobs.scratch import Scratch\n"
        "async def main():\n"
        "    await (await Scratch.open(Path(sys.argv[1]), 'me')).close()\n"
        "asyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", script, str(root)], check=True)


async def test_a_place_that_is_no_folder_is_told(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "file").touch)
    with pytest.raises(SettingsInvalid, match="work_folder"):
        await Scratch.open(tmp_path / "file", "me")
