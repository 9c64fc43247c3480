"""Limits on the programs that read uploads: they may be fed anything."""

import os
import sys
from pathlib import Path
from typing import Final

import msgspec

LAUNCHER: Final = Path(__file__).with_name("launcher.py")


class Confinement(msgspec.Struct, frozen=True):
    """What a program may use; 0 is no limit. See setrlimit(2)."""

    memory: int = 0
    """Bytes of address space."""
    processor_seconds: int = 0
    output: int = 0
    """Bytes of any one file it writes."""


def confined(arguments: tuple[str, ...], confinement: Confinement) -> tuple[str, ...]:
    """``arguments``, which begin with the program's path, made to run confined.

    The program also dies with the thread that starts it (PR_SET_PDEATHSIG).
    """
    limits = (confinement.memory, confinement.processor_seconds, confinement.output)
    return (
        sys.executable,
        "-I",
        "-S",
        str(LAUNCHER),
        str(os.getpid()),
        *(str(limit) for limit in limits),
        *arguments,
    )
