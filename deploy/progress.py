"""Progress of long work: bars on a terminal, plain lines elsewhere."""

import math
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

LINE_EVERY = 2.0
"""Seconds between plain lines about work that goes on."""


class ProgressDisplay:
    """Shows how far named pieces of work are. Use as a context manager."""

    def __init__(self, write: Callable[[str], None] | None = None) -> None:
        self._bars: Progress | None = None
        self._tasks: dict[str, TaskID] = {}
        self._told: dict[str, tuple[float, float]] = {}
        self._write = write or (lambda line: print(line, flush=True))
        if write is None and sys.stdout.isatty():
            self._bars = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=36),
                TaskProgressColumn(),
                TextColumn("{task.fields[note]}"),
                TimeElapsedColumn(),
                console=Console(),
            )

    def __enter__(self) -> Self:
        if self._bars:
            self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bars:
            self._bars.stop()

    def show(self, name: str, percent: float, note: str = "") -> None:
        """Tells that the work ``name`` is done to ``percent`` (0 to 100), with a word beside it.

        It is told rounded down: what is not whole is never 100 %.
        """
        percent = math.floor(percent)
        if self._bars:
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task(name, total=100, note="")
            self._bars.update(self._tasks[name], completed=percent, note=note)
            return
        now = time.monotonic()
        told_at, told = self._told.get(name, (-LINE_EVERY, -1.0))
        finished = percent >= 100 > told
        if finished or (percent != told and now - told_at >= LINE_EVERY):
            self._told[name] = (now, percent)
            self._write(f"{name}: {percent}%{f' ({note})' if note else ''}")

    def say(self, sentence: str) -> None:
        """Prints ``sentence`` above the bars, or as a line."""
        if self._bars:
            self._bars.console.print(sentence, highlight=False)
        else:
            self._write(sentence)


def pace(speed: float | None, seconds_left: float | None) -> str:
    """What is known of how fast work goes (seconds of media per second) and how long it takes."""
    known = []
    if speed:
        known.append(f"{speed:.1f}x" if speed >= 1 else f"{speed:.2g}x")
    if seconds_left is not None:
        known.append(f"{seconds_left:.0f} s left")
    return ", ".join(known)
