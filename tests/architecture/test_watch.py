"""The watchers that every test stands under see what they are to see."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from blockbuster import BlockingError

from common.service import write_atomically
from tests.servers import leftovers
from tests.servers.processes import PORTS, free_ports


async def test_a_call_that_blocks_the_loop_is_heard(
    no_blocking_calls: list[str], tmp_path: Path
) -> None:
    with pytest.raises(BlockingError):
        write_atomically(tmp_path / "file", b"x")

    assert "files.py" in no_blocking_calls[0]
    no_blocking_calls.clear()


async def test_a_call_that_blocks_is_heard_where_every_error_is_caught(
    no_blocking_calls: list[str], tmp_path: Path
) -> None:
    with contextlib.suppress(Exception):
        write_atomically(tmp_path / "file", b"x")

    assert no_blocking_calls
    no_blocking_calls.clear()


async def test_a_thread_may_block(no_blocking_calls: list[str], tmp_path: Path) -> None:
    await asyncio.to_thread(write_atomically, tmp_path / "file", b"x")

    assert no_blocking_calls == []


def test_a_process_whose_parent_is_gone_is_seen() -> None:
    program = (
        "import subprocess, sys\n"
        "quiet = subprocess.DEVNULL\n"
        "print(subprocess.Popen(['sleep', '60'], stdout=quiet, start_new_session=True).pid)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    child = int(done.stdout)
    try:
        assert child in {process.pid for process in leftovers.orphans()}
        assert child in {process.pid for process in leftovers.all_left()}
    finally:
        os.kill(child, signal.SIGKILL)
    assert leftovers.still_there(leftovers.orphans) == []


def test_a_process_that_is_looked_after_is_no_orphan() -> None:
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert child.pid in {process.pid for process in leftovers.all_left()}
            assert child.pid not in {process.pid for process in leftovers.orphans()}
        finally:
            child.kill()


def test_ports_are_not_those_of_outgoing_connections() -> None:
    lowest, _ = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()

    assert PORTS[1] <= int(lowest)
    assert len(set(free_ports(50))) == 50
