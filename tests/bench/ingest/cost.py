"""What a command costs: wall time, and CPU time of it and of all that it starts."""

import os
import subprocess
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import median

import msgspec

from tests.servers.parts import REPOSITORY


class Cost(msgspec.Struct, frozen=True):
    """What something took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of CPU time, the user's and the system's."""


def cost_of(command: Sequence[str], log: Path) -> Cost:
    """Runs ``command`` from the repository to its end, with its output in ``log``.

    CPU time is that of the process and of all below it that were waited for (wait4(2)).

    Raises:
        CalledProcessError: it failed.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=REPOSITORY
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command, log.read_bytes())
    return Cost(wall, used.ru_utime + used.ru_stime)


def middle(costs: Iterable[Cost]) -> Cost:
    """The medians."""
    found = list(costs)
    return Cost(median(one.wall for one in found), median(one.cpu for one in found))
