"""The supervisor with real processes: restart after a death, stop in time, no orphans.

The processes are real roles that cannot start for want of settings, and stand-ins that the test
writes as modules named ``deploy`` in a folder of its own.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.up.supervisor import Process, Supervisor

STEADY = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("steady", flush=True)
time.sleep(60)
"""
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print("child", child.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
async def supervisor() -> AsyncIterator[tuple[Supervisor, list[str]]]:
    restarted: list[str] = []
    running = Supervisor(on_restart=lambda process: restarted.append(process.name))
    yield running, restarted
    await running.close()


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the supervised processes run in place of Nearcast."""
    package = tmp_path / "deploy"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    return package / "__main__.py"


def process(folder: Path) -> Process:
    return Process(
        name="origin", role="origin", config=folder / "origin.toml", log=folder / "origin.log"
    )


async def until_logged(log: Path, text: str) -> str:
    content = ""
    async with asyncio.timeout(20):
        while text not in content:
            await asyncio.sleep(0.02)
            content = await asyncio.to_thread(_content, log)
    return content


def _content(log: Path) -> str:
    return log.read_text() if log.exists() else ""


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


def goes(pid: int) -> bool:
    """Whether the process is gone soon."""
    end = time.monotonic() + 5
    while alive(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pid)


async def test_a_process_that_dies_is_started_again(
    supervisor: tuple[Supervisor, list[str]], program: Path, tmp_path: Path
) -> None:
    program.write_text(STEADY)
    role = process(tmp_path)
    supervisor[0].start(role)
    await until_logged(role.log, "steady")
    first = role.pid

    os.kill(first, 9)

    await until_logged(role.log, "steady\nsteady")
    assert supervisor[1] == ["origin"]
    assert role.pid != first


async def test_closing_ends_even_those_that_ignore_it_and_their_children(
    supervisor: tuple[Supervisor, list[str]], program: Path, tmp_path: Path
) -> None:
    program.write_text(STUBBORN)
    role = process(tmp_path)
    supervisor[0].start(role)
    child = int((await until_logged(role.log, "child")).split()[1])

    async with asyncio.timeout(30):
        await supervisor[0].close()

    assert not await asyncio.to_thread(alive, role.pid)
    # Nobody waits for a grandchild that was killed: it goes when the kernel comes to it.
    assert await asyncio.to_thread(goes, child)


async def test_the_last_words_of_a_role_without_settings_are_its_sentence(
    supervisor: tuple[Supervisor, list[str]], tmp_path: Path
) -> None:
    role = process(tmp_path)
    supervisor[0].start(role)
    await until_logged(role.log, "cannot be read")

    assert await asyncio.to_thread(role.last_words) == (
        f"Error: {tmp_path}/origin.toml cannot be read as settings: No such file or directory."
    )
