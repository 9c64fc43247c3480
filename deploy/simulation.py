"""``nearcast simulate``: a month of publishing and viewing over hundreds of edges, in minutes."""

import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from common.errors import NearcastError
from common.service import os_sentence
from common.settings import ByteSize
from control_plane.simulation.options import REGIONS, Options, Prices, check, parse_region
from control_plane.simulation.pictures import TITLES, pictures
from control_plane.simulation.replay import replay
from control_plane.simulation.report import document, markdown, summaries, table
from control_plane.simulation.strategies import strategies_of
from deploy.progress import LINE_EVERY


class ReportUnwritable(NearcastError):
    """The report cannot be written: {reason}"""


class SizeInvalid(NearcastError):
    """--disk: {given!r} is not a size such as 500GB or 2TiB."""


def options_of(given: dict[str, Any]) -> Options:
    """The options of the command line.

    Raises:
        SizeInvalid: --disk is no size.
        OptionInvalid: an option is out of its bounds.
    """
    try:
        disk = int(ByteSize.parse(given["disk"]))
    except ValueError as error:
        raise SizeInvalid(given=given["disk"]) from error
    named = {name: value for name, value in given.items() if not name.startswith("price_")}
    return check(
        replace(
            Options(),
            **{
                **named,
                "disk": disk,
                **{name: given[name] * 1e6 for name in ("bandwidth", "fill_rate", "copy_traffic")},
                "regions": tuple(parse_region(text) for text in given["regions"]) or REGIONS,
                "prices": Prices(
                    **{
                        name.removeprefix("price_"): value
                        for name, value in given.items()
                        if name.startswith("price_")
                    }
                ),
            },
        )
    )


def run(options: Options, folder: Path) -> None:
    """Simulates, prints the table and writes the report into ``folder``.

    Raises:
        ReportUnwritable: the folder does not take it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.md").touch()
    except OSError as error:
        raise ReportUnwritable(reason=os_sentence(error)) from error
    started = time.process_time()
    with _Hours(options.hours) as hours:
        outcome = replay(options, strategies_of(options), hours.done)
    seconds = time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    drawn = pictures(outcome)
    texts = {
        **drawn,
        "report.md": markdown(outcome, seconds, memory, TITLES),
        "report.json": msgspec.json.format(
            msgspec.json.encode(document(outcome, seconds, memory))
        ).decode(),
    }
    try:
        for name, text in texts.items():
            (folder / name).write_text(text, "utf-8")
    except OSError as error:
        raise ReportUnwritable(reason=os_sentence(error)) from error
    found = summaries(outcome)
    shown = Table("", *found, title=options.title)
    for column in shown.columns[1:]:
        column.justify = "right"
    for row in table(found):
        shown.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 120).print(shown)
    click.echo(f"{seconds:.0f} s of a core, {memory / 1e9:.2f} GB. Report: {folder / 'report.md'}")


class _Hours:
    """Tells how many hours are replayed and how long the rest takes: a bar on a terminal, lines
    elsewhere."""

    def __init__(self, hours: int) -> None:
        self._hours = hours
        self._started = self._told = time.monotonic()
        self._bar = Progress(
            TextColumn("replaying"),
            BarColumn(bar_width=40),
            TaskProgressColumn(),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._task = self._bar.add_task("", total=hours, note="")

    def __enter__(self) -> "_Hours":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def done(self, hours: int) -> None:
        """So many hours are replayed."""
        note = f"day {-(-hours // 24)} of {self._hours // 24}"
        self._bar.update(self._task, completed=hours, note=note)
        now = time.monotonic()
        if not self._bar.disable or (now - self._told < LINE_EVERY * 5 and hours < self._hours):
            return
        self._told = now
        left = (now - self._started) / hours * (self._hours - hours)
        click.echo(f"{note}, {left:.0f} s left", err=True)
