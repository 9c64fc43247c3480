"""``nearcast check``: looks at a finished HLS package and tells which rules it breaks."""

import asyncio
import os
import sys
from contextlib import nullcontext
from itertools import groupby
from pathlib import Path
from typing import Final

import click
import msgspec

from common.errors import NearcastError
from common.messages import Profile
from deploy.progress import ProgressDisplay
from ingest.check import (
    FolderReader,
    HttpReader,
    NotReadable,
    Package,
    Reader,
    Report,
    Severity,
    check,
    load,
)
from ingest.check.model import Role
from ingest.check.rule import printable

FINE: Final = 0
BROKEN: Final = 1
UNREADABLE: Final = 2
"""Exit statuses."""

ENTRIES: Final = (Profile.MAIN.file_name, "master.m3u8", "index.m3u8", "playlist.m3u8")
"""Names that the entry of a folder has here and elsewhere."""

SHOW_FROM: Final = 200
"""Resources from which reading them takes long enough for a bar."""

MOST_SECONDS: Final = 3600
"""How long a server's package may take to be read."""

HEADINGS: Final = {
    Severity.MUST: ("Must be mended", "red"),
    Severity.SHOULD: ("Should be mended", "yellow"),
}
"""With their colours."""


async def check_command(target: str, *, as_json: bool, ca: Path | None) -> int:
    """Checks ``target`` and prints what is wrong with it; the exit status tells how bad it is."""
    try:
        package = await _loaded(target, ca, quiet=as_json)
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return UNREADABLE
    report = check(package)
    colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
    for line in _as_json(target, report) if as_json else _as_text(package, report):
        click.echo(line, color=colour)
    return BROKEN if report.broken(Severity.MUST) else FINE


async def _loaded(target: str, ca: Path | None, *, quiet: bool) -> Package:
    if target.startswith(("http://", "https://")):
        try:
            async with asyncio.timeout(MOST_SECONDS), HttpReader(target, ca) as reader:
                return await _read(reader, quiet=quiet)
        except TimeoutError as error:
            reason = f"it could not be read in {MOST_SECONDS // 60} minutes"
            raise NotReadable(target=target, reason=reason) from error
    folder = await asyncio.to_thread(FolderReader, Path(target), ENTRIES)
    return await _read(folder, quiet=quiet)


async def _read(reader: Reader, *, quiet: bool) -> Package:
    # Elsewhere than on a terminal the report stands alone.
    shown = sys.stdout.isatty() and not quiet
    with ProgressDisplay() if shown else nullcontext() as display:

        def on_read(done: int, total: int) -> None:
            if display is not None and total >= SHOW_FROM:
                display.show("Read", 100 * done / total, f"{done} of {total} files")

        return await load(reader, on_read)


def _as_json(target: str, report: Report) -> list[str]:
    document = msgspec.json.encode({"target": target, **msgspec.to_builtins(report)})
    return [msgspec.json.format(document, indent=2).decode()]


def _as_text(package: Package, report: Report) -> list[str]:
    lines = list(_looked_at(package))
    for severity, findings in groupby(report.findings, lambda one: one.severity):
        heading, colour = HEADINGS[severity]
        lines += ["", click.style(f"{heading}:", fg=colour, bold=True)]
        for (name, clause), alike in groupby(findings, lambda one: (one.rule, one.clause)):
            lines.append(f"  {name} ({clause})")
            lines += [f"    {one.sentence}" for one in alike]
    return [*lines, "", f"{report.rules} rules checked: {_verdict(report)}"]


def _verdict(report: Report) -> str:
    must, should = (len(report.broken(one)) for one in (Severity.MUST, Severity.SHOULD))
    if not must and not should:
        return click.style("all are kept", fg="green", bold=True)
    counts = ((must, "must be kept"), (should, "should be kept"))
    return ", ".join(
        f"{count} that {binding} {'is' if count == 1 else 'are'} broken"
        for count, binding in counts
        if count
    )


def _looked_at(package: Package) -> list[str]:
    lines = [
        f"{package.name(one.place)}: {len(one.variants)} variants" for one in package.multivariants
    ]
    for place, track in package.tracks.items():
        known = sum(one is not None for one in track.segments)
        total = len(track.listing.segments)
        parts = [
            track.role.value,
            ", ".join([*(one.codec for one in track.inits[:1]), *sorted(track.codecs)]),
            f"{track.init.width}x{track.init.height}" if track.init and track.init.width else "",
            f"{total} {'pictures' if track.role is Role.IFRAMES else 'segments'}"
            + (f" ({known} looked into)" if known != total else ""),
            f"{float(track.listing.duration):.3f} s",
        ]
        lines.append(f"  {package.name(place)}: {', '.join(part for part in parts if part)}")
    return [printable(line) for line in lines]
