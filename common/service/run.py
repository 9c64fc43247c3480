"""Running one role to its end: uvloop, signals, and an exit status that tells what happened."""

import asyncio
import contextlib
import resource
import signal
import sys
from collections.abc import Awaitable, Callable

import uvloop

from common import logs
from common.errors import NearcastError

Main = Callable[[asyncio.Event], Awaitable[None]]
"""A role's main coroutine: works until the event is set, then drains and returns."""


class ProcessStop(asyncio.Event):
    """Set when this process is told to end: its holder is a process's whole purpose."""


def run_role(role: str, main: Main, *, log_level: str = "info") -> int:
    """Runs ``main`` on uvloop until it returns; SIGTERM and SIGINT set its event.

    Returns:
        The process's exit status: 0, or 1 after an error that is told in one sentence.
    """
    logs.configure(role, level=log_level)
    _open_as_many_as_allowed()
    try:
        uvloop.run(_supervise(role, main))
    except NearcastError as error:
        print(f"nearcast {role}: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        # A folder that cannot be written, a full disk: what the system says of it is a sentence.
        logs.get(__name__).debug("failed", exc_info=error)
        print(f"nearcast {role}: {os_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def _open_as_many_as_allowed() -> None:
    """Raises the bound on open files to what the system allows: each connection is one."""
    _, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))


def os_sentence(error: OSError) -> str:
    """What the operating system says went wrong, and where, in one sentence."""
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}."


async def _supervise(role: str, main: Main) -> None:
    stop = ProcessStop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await main(stop)
    logs.get(__name__).info("stopped", role=role)
