"""``nearcast transcode``: a file becomes an HLS package in a folder, without any service."""

import asyncio
import os
import signal
import stat
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from common.errors import NearcastError
from common.service import os_sentence
from common.settings import ByteSize
from deploy.progress import ProgressDisplay, pace
from ingest.inspect import MediaLimits, limits_of
from ingest.plan import PlanSettings, VideoCodec
from ingest.standalone import Made, Recipe, make_package, whole_or_nothing
from ingest.transcode.settings import Preset, TranscodeSettings

FILM: Final = MediaLimits(max_seconds=12 * 3600.0, max_bytes=ByteSize(1 << 40))
"""The limits of the profile "film": what is one's own is taken at nearly any length."""

SHORTS: Final = "shorts"

ESTIMATE_AFTER: Final = 2.0
"""Seconds of a stage after which what is left of it is estimated, when as much is done as:"""
ESTIMATE_FROM: Final = 0.02

Member = TypeVar("Member", bound=StrEnum)


class ChoiceUnknown(NearcastError):
    """There is no {what} {name!r}; known are {known}."""


class NotAFile(NearcastError):
    """{path} is not a file."""


class _Stopped(Exception):
    def __init__(self, number: int) -> None:
        """``number`` is the signal's."""
        super().__init__(number)
        self.number = number


@dataclass(frozen=True)
class Wanted:
    """What the command line asks for."""

    title: str | None
    recipe: Recipe


def chosen(
    *,
    title: str | None,
    codecs: str,
    profile: str,
    jobs: int | None,
    preset: str | None,
    transport_stream: bool,
) -> Wanted:
    """What the options mean.

    Raises:
        ChoiceUnknown: a codec or the preset is none.
    """
    encoding = TranscodeSettings()
    if preset is not None:
        speed = _member(Preset, "preset", preset)
        encoding = msgspec.structs.replace(encoding, preset=speed, hevc_preset=speed)
    named = [name.strip() for name in codecs.split(",") if name.strip()]
    recipe = Recipe(
        limits=limits_of(SHORTS, FILM, ()) if profile == SHORTS else FILM,
        plan=PlanSettings(
            codecs=tuple(_member(VideoCodec, "codec", name) for name in dict.fromkeys(named)),
            # Nobody waits for a first version here.
            first_seconds=None,
            transport_stream=transport_stream,
        ),
        encoding=encoding,
        short=profile == SHORTS,
        at_once=jobs or len(os.sched_getaffinity(0)),
    )
    return Wanted(title, recipe)


def _member(kind: type[Member], what: str, name: str) -> Member:
    try:
        return kind(name)
    except ValueError:
        raise ChoiceUnknown(what=what, name=name, known=", ".join(kind)) from None


def transcode_command(source: Path, folder: Path, wanted: Wanted) -> int:
    """Makes the package and prints what it is; the exit status tells whether it went well."""
    try:
        if not stat.S_ISREG(source.stat().st_mode):
            raise NotAFile(path=str(source))
        with whole_or_nothing(folder), ProgressDisplay() as display:
            made = asyncio.run(_make(source, folder, wanted, display))
        print(_sentence(made, folder))
    except _Stopped as stopped:
        print("Stopped: nothing is left of the package.", file=sys.stderr)
        return 128 + stopped.number
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {os_sentence(error)}", file=sys.stderr)
        return 1
    return 0


async def _make(source: Path, folder: Path, wanted: Wanted, display: ProgressDisplay) -> Made:
    """Makes the package, unless a signal stops it."""
    loop = asyncio.get_running_loop()
    began: dict[str, float] = {}

    def show(stage: str, share: float, speed: float | None) -> None:
        now = loop.time()
        took = now - began.setdefault(stage, now)
        display.show(stage.capitalize(), 100 * share, _note(share, speed, took))

    title = wanted.title or source.stem
    recipe = wanted.recipe
    making = asyncio.create_task(make_package(source, folder, recipe, title=title, report=show))
    caught: list[int] = []

    def stop(number: int) -> None:
        if not caught:
            making.cancel()
        caught.append(number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # What the shell has made it ignore, as with nohup, it ignores.
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop, number)
    try:
        return await making
    except asyncio.CancelledError:
        if caught:
            raise _Stopped(caught[0]) from None
        raise


def _note(share: float, speed: float | None, took: float) -> str:
    """How fast a stage goes, and the seconds that it still needs at its pace so far."""
    if not speed or share >= 1:
        return ""
    known = took >= ESTIMATE_AFTER and share >= ESTIMATE_FROM
    return pace(speed, took * (1 - share) / share if known else None)


def _sentence(made: Made, folder: Path) -> str:
    names = ", ".join(made.package.renditions)
    return (
        f"Made {folder / 'main.m3u8'}: {made.package.duration:.1f} s as {names}. "
        f"It keeps all that is a must in {made.rules} rules of HLS."
    )
