"""Finds processes that tests have started and not ended."""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

MARK = f"NEARCAST_TEST_RUN={uuid.uuid4()}"
"""In the environment of whatever this run of the tests starts, however far down."""
PATIENCE = 5.0
"""Seconds that a process whose parent was killed gets to notice it."""


@dataclass(frozen=True)
class Found:
    """A process that runs."""

    pid: int
    parent: int
    marked: bool
    command: str


def mark() -> None:
    """Marks every process that is started from now on."""
    name, _, value = MARK.partition("=")
    os.environ[name] = value


def orphans() -> list[Found]:
    """Processes of this run that nobody would end: their parents are gone."""
    running = _running()
    return [
        process
        for process in running.values()
        if process.marked and not _descends(process, os.getpid(), running)
    ]


def all_left() -> list[Found]:
    """Every process of this run but this one."""
    running = _running()
    return [
        process
        for process in running.values()
        if process.pid != os.getpid()
        and (process.marked or _descends(process, os.getpid(), running))
    ]


def still_there(find: Callable[[], list[Found]]) -> list[str]:
    """The command lines of what ``find`` finds, once it had the time to go."""
    deadline = time.monotonic() + PATIENCE
    while (left := find()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return [f"{process.pid}: {process.command}" for process in left]


def _running() -> dict[int, Found]:
    found: dict[int, Found] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rpartition(")")[2].split()
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, UnicodeDecodeError):
            continue
        if status[0] not in "ZX":
            pid = int(folder.name)
            marked = MARK.encode() in environment.split(b"\0")
            found[pid] = Found(pid, int(status[1]), marked, command)
    return found


def _descends(process: Found, ancestor: int, running: dict[int, Found]) -> bool:
    while process.pid != ancestor:
        parent = running.get(process.parent)
        if parent is None:
            return False
        process = parent
    return True
