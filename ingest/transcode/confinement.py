"""Limits on the programs that read uploads: they may be fed anything."""

import os
import signal
import sys
from pathlib import Path
from typing import Final

import msgspec

from ingest.transcode import launcher

LAUNCHER: Final = Path(launcher.__file__)

ENVIRONMENT: Final = {
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/bin:/bin",
    # SVT-AV1 speaks of errors only: whatever is said is taken for the cause of a failure.
    "SVT_LOG": "1",
}
"""All that such a program learns of the service's environment, where credentials may be."""

CRASHES: Final = frozenset(
    {
        signal.SIGSEGV,
        signal.SIGBUS,
        signal.SIGILL,
        signal.SIGFPE,
        signal.SIGABRT,
        signal.SIGTRAP,
        signal.SIGSYS,
    }
)
"""Signals by which a program ends of what it was fed; the next attempt would end so too."""


class Confinement(msgspec.Struct, frozen=True):
    """What a program may use; 0 is no limit. See setrlimit(2)."""

    memory: int = 0
    """Bytes of address space."""
    processor_seconds: int = 0
    output: int = 0
    """Bytes of any one file it writes."""
    reads: tuple[Path, ...] = ()
    """Files, and folders with all in them, that it may read."""
    writes: tuple[Path, ...] = ()
    """Folders in which it may read, write and remove files.

    Where any path is named, here or in ``reads``, the program can open no other, make no connection
    and start no process, as far as the kernel can keep it from that: see ``shortcomings``.
    """


def confined(arguments: tuple[str, ...], confinement: Confinement) -> tuple[str, ...]:
    """``arguments``, which begin with the program's path, made to run confined.

    The program also dies with the thread that starts it (PR_SET_PDEATHSIG).
    """
    return (
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        *orders(confinement),
        *(f"r{path.absolute()}" for path in confinement.reads),
        *(f"w{path.absolute()}" for path in confinement.writes),
        "--",
        *arguments,
    )


def orders(confinement: Confinement) -> tuple[str, ...]:
    """The arguments of ``ingest.transcode.launcher.confine``."""
    limits = (confinement.memory, confinement.processor_seconds, confinement.output)
    return str(os.getpid()), *(str(limit) for limit in limits)


def shortcomings() -> tuple[str, ...]:
    """What the kernel cannot do for confinement, in words; empty where it can do all."""
    version = launcher.landlock_version()
    missing = []
    if version < 1:
        missing.append("files are not closed to them (no Landlock)")
    if not launcher.filter_program():
        missing.append("sockets and processes are not closed to them (no known seccomp filter)")
    return tuple(missing)
