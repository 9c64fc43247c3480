"""Starting and stopping server processes for tests."""

import contextlib
import random
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

START_WITHIN = 60.0
"""Seconds."""
PORTS = (10_000, 20_000)
_handed_out: set[int] = set()


def free_ports(count: int) -> list[int]:
    """Ports that are free now and were not handed out before in this process.

    They are below those that the kernel gives to outgoing connections, any of which might take a
    port between now and when a server binds it.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(*PORTS)
        if port not in _handed_out and _is_free(port):
            _handed_out.add(port)
            found.append(port)
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


@contextlib.contextmanager
def running(
    command: Sequence[str], *, log: Path, ports: Sequence[int], folder: Path | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Runs ``command`` while the block does, from when it answers on all of ``ports``."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=folder
        )
    try:
        for port in ports:
            wait_until_open(port, process, log)
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes], patience: float = 10.0) -> None:
    """Tells ``process`` to end, and kills it when it does not."""
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def wait_until_open(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits until somebody answers on ``port``."""
    deadline = time.monotonic() + START_WITHIN
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"{process.args!r} does not answer on {port}: {log.read_text()[-2000:]}")
