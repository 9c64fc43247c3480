"""``nearcast transcode``: a file becomes an HLS package in a folder, without any service."""

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from common.errors import NearcastError
from common.service import os_sentence
from common.settings import ByteSize
from deploy.progress import ProgressDisplay
from ingest.inspect import MediaLimits, limits_of
from ingest.plan import PlanSettings, VideoCodec
from ingest.standalone import Made, Recipe, make_package
from ingest.transcode.settings import Preset, TranscodeSettings

FILM: Final = MediaLimits(max_seconds=12 * 3600.0, max_bytes=ByteSize(1 << 40))
"""The limits of the profile "film": what is one's own is taken at nearly any length."""

SHORTS: Final = "shorts"

Member = TypeVar("Member", bound=StrEnum)


class ChoiceUnknown(NearcastError):
    """There is no {what} {name!r}; known are {known}."""


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


async def transcode_command(source: Path, folder: Path, wanted: Wanted) -> int:
    """Makes the package and prints what it is; the exit status tells whether it went well."""
    try:
        with ProgressDisplay() as display:

            def show(stage: str, share: float, speed: float | None) -> None:
                note = f"{speed:.1f}x" if speed and share < 1 else ""
                display.show(stage.capitalize(), 100 * share, note)

            title = wanted.title or source.stem
            made = await make_package(source, folder, wanted.recipe, title=title, report=show)
            display.say(_sentence(made, folder))
    except NearcastError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Error: {os_sentence(error)}", file=sys.stderr)
        return 1
    return 0


def _sentence(made: Made, folder: Path) -> str:
    names = ", ".join(made.package.renditions)
    return (
        f"Made {folder / 'main.m3u8'}: {made.package.duration:.1f} s as {names}. "
        f"It keeps all that is a must in {made.rules} rules of HLS."
    )
