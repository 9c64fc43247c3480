"""Keeps the roles of ``nearcast up`` running: starts, watches, restarts and stops processes."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from common.errors import NearcastError

FIRST_PAUSE = 0.2
"""Seconds before a role that died is started again."""
LONGEST_PAUSE = 10.0
"""Seconds that the pause, doubled at each death, grows to."""
STEADY_AFTER = 10.0
"""Seconds after which a role counts as steady again, and its pause as the first."""
STOP_WITHIN = 3.5
"""Seconds that roles get to drain before they are killed."""
LOG_LIMIT = 16 * 1024 * 1024
"""Bytes after which a role's log is set aside when the role starts."""


class RoleFailed(NearcastError):
    """The role {name} does not start: {reason} (its log: {log})."""


@dataclass
class Process:
    """One role and the process that plays it."""

    name: str
    role: str
    config: Path
    log: Path
    pid: int = 0
    restarts: int = 0
    running: asyncio.subprocess.Process | None = field(default=None, repr=False)

    def last_words(self) -> str:
        """The last line of its log that is a sentence for the user; empty when it has none."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        told = [line for line in lines if line.startswith(("nearcast", "Error: "))]
        return (told or lines or [""])[-1]


class Supervisor:
    """Runs processes until it is closed; one that ends is started again."""

    def __init__(self, *, on_restart: Callable[[Process], None]) -> None:
        self._on_restart = on_restart
        self._watchers: dict[str, asyncio.Task[None]] = {}
        self.processes: dict[str, Process] = {}

    def start(self, process: Process) -> None:
        """Starts ``process`` and keeps it running."""
        self.processes[process.name] = process
        self._watchers[process.name] = asyncio.create_task(self._keep_running(process))

    async def _keep_running(self, process: Process) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE
        while True:
            started = loop.time()
            process.running = await _spawn(process)
            process.pid = process.running.pid
            await process.running.wait()
            pause = FIRST_PAUSE if loop.time() - started > STEADY_AFTER else pause
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
            process.restarts += 1
            self._on_restart(process)

    async def close(self) -> None:
        """Tells all processes to stop, waits for them, and kills those that take too long."""
        for watcher in self._watchers.values():
            watcher.cancel()
        await asyncio.gather(*self._watchers.values(), return_exceptions=True)
        alive = [
            process.running
            for process in self.processes.values()
            if process.running is not None and process.running.returncode is None
        ]
        for running in alive:
            _signal_group(running.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN):
                await asyncio.gather(*(running.wait() for running in alive))
        for running in alive:
            # The whole group, ended or not: an encoder may outlive the role that started it.
            _signal_group(running.pid, signal.SIGKILL)
        await asyncio.gather(*(running.wait() for running in alive))


async def _spawn(process: Process) -> asyncio.subprocess.Process:
    log = await asyncio.to_thread(_open_log, process.log)
    try:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "deploy",
            process.role,
            "--config",
            str(process.config),
            "--with-parent",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            # A group of its own: Ctrl-C reaches the supervisor alone, which stops all in order.
            start_new_session=True,
        )
    finally:
        os.close(log)


def _open_log(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > LOG_LIMIT:
            path.replace(path.with_suffix(".old.log"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, number)
