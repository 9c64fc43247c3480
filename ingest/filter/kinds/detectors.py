"""``passages``: nothing to see, to move, to hear, as ffmpeg's detectors find it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from common.messages import Decision, Evidence
from ingest.filter.model import Answer, Subject
from ingest.filter.passages import Passage, between_marks, common_to, merged, total, within
from ingest.filter.tools import Tools, count, even, require_whole

RATE: Final = 10.0
"""Frames a second that are looked at; passages are exact to a tenth of a second. Each frame is what
is on the screen at its time, so that one picture shown for a minute is seen to be frozen."""

SIZE: Final = "320:180"
"""Pixels that the detectors see; they then cost little beside decoding. What is black or still is
so in any shape."""

GRAIN: Final = 0.25
"""Seconds: passages this near to each other are one, and shorter ones not marked at all."""

MARKS: Final = {
    "lavfi.black_start": ("black", True),
    "lavfi.black_end": ("black", False),
    "lavfi.freezedetect.freeze_start": ("frozen", True),
    "lavfi.freezedetect.freeze_end": ("frozen", False),
    "lavfi.silence_start": ("silent", True),
    "lavfi.silence_end": ("silent", False),
}
"""Metadata that the detectors hang on frames (ffmpeg-filters, blackdetect, freezedetect,
silencedetect): what it is about, and whether it begins."""

PICTURE_MARKS: Final = "picture.txt"
SOUND_MARKS: Final = "sound.txt"
"""Files into which ffmpeg writes the marks. What it says on standard error would be simpler to get,
but there titles in the video could pass for them."""

WORDS: Final = {"black": "black picture", "frozen": "frozen picture", "silent": "silence"}

Kind = Literal["black", "frozen", "silent"]
Least = Annotated[
    float, Meta(gt=0, description="Shorter passages do not count.", extra={"unit": "seconds"})
]
Share = Annotated[
    float, Meta(gt=0, le=1, description="Share of the video from which an operator looks at it.")
]


class Black(msgspec.Struct, frozen=True, kw_only=True):
    """When the picture is black."""

    seconds: Least = 2.0
    share: Share = 0.95
    pixel: Annotated[
        float, Meta(ge=0, le=1, description="How bright a black pixel is, at most.")
    ] = 0.1
    picture: Annotated[
        float, Meta(ge=0, le=1, description="Share of its pixels that are black, at least.")
    ] = 0.98


class Frozen(msgspec.Struct, frozen=True, kw_only=True):
    """When the picture stands still."""

    seconds: Least = 2.0
    share: Share = 0.95
    noise: Annotated[
        float, Meta(ge=0, le=1, description="Mean difference of frames that are alike, at most.")
    ] = 0.001
    with_sound: Annotated[
        bool,
        Meta(description="Also where something is heard, as with a still picture and music."),
    ] = False


class Silent(msgspec.Struct, frozen=True, kw_only=True):
    """When nothing is heard; a video without a sound track is silent."""

    seconds: Least = 2.0
    share: Share = 0.95
    level: Annotated[
        float,
        Meta(ge=-200, le=0, description="How loud silence is, at most.", extra={"unit": "dB"}),
    ] = -60.0


class Passages:
    """Asks for review where too much of a video is black, frozen or silent."""

    class Options(msgspec.Struct, frozen=True, kw_only=True):
        """What is looked for."""

        kinds: Annotated[
            tuple[Kind, ...], Meta(min_length=1, description="What is looked for.")
        ] = ("black", "frozen", "silent")
        black: Annotated[Black, Meta(description="When the picture is black.")] = Black()
        frozen: Annotated[Frozen, Meta(description="When it stands still.")] = Frozen()
        silent: Annotated[Silent, Meta(description="When nothing is heard.")] = Silent()

    def __init__(self, options: Options) -> None:
        self._options = options

    def check(self, subject: Subject, tools: Tools) -> Answer:
        """One pass over the video for all kinds."""
        self._detect(subject, tools)
        found = self._passages(subject, tools.workspace)
        counted = dict(found)
        if not self._options.frozen.with_sound:
            counted["frozen"] = common_to(found["frozen"], found["silent"])
        deciding = [
            kind
            for kind in self._options.kinds
            if total(counted[kind]) >= getattr(self._options, kind).share * subject.seconds
        ]
        # What led to the decision comes first: there may be more than is kept.
        ordered = sorted(self._options.kinds, key=lambda kind: kind not in deciding)
        return Answer(
            Decision.REVIEW if deciding else Decision.ALLOW,
            tuple(told for kind in ordered for told in _told(kind, found[kind], subject)),
        )

    def _detect(self, subject: Subject, tools: Tools) -> None:
        """Have ffmpeg write its marks into the workspace."""
        graph = self._picture(subject)
        maps = ["-map", "[picture]"]
        if subject.media.audio:
            graph += ";" + self._sound(subject)
            maps += ["-map", "[sound]"]
        output = (*maps, "-progress", "pipe:1", "-nostats", "-f", "null", "-")
        shown = 0
        with tools.ffmpeg(subject, graph, output) as reports:
            for line in reports:
                key, _, value = line.decode(errors="replace").strip().partition("=")
                if key == "frame" and value.isdecimal():
                    shown = int(value)
                    tools.progress(shown / count(subject, RATE))
        require_whole(subject, RATE, shown)

    def _picture(self, subject: Subject) -> str:
        black, frozen = self._options.black, self._options.frozen
        return (
            f"{even(subject, RATE)},"
            f"scale={SIZE}:flags=fast_bilinear:out_range=tv,format=yuv420p,"
            f"blackdetect=d={GRAIN}:pix_th={black.pixel:f}:pic_th={black.picture:f},"
            f"freezedetect=d={GRAIN}:n={frozen.noise:f},"
            f"metadata=mode=print:file={PICTURE_MARKS}[picture]"
        )

    def _sound(self, subject: Subject) -> str:
        silent = self._options.silent
        return (
            f"[0:{subject.media.audio[0].index}]ametadata=mode=delete,"
            f"asetpts=PTS-{subject.media.video.first_timestamp:.6f}/TB,"
            f"silencedetect=d={GRAIN}:n={silent.level:f}dB,"
            f"ametadata=mode=print:file={SOUND_MARKS}[sound]"
        )

    def _passages(self, subject: Subject, folder: Path) -> dict[str, tuple[Passage, ...]]:
        """All passages of each kind that are long enough."""
        marks: dict[str, list[tuple[bool, float]]] = {"black": [], "frozen": [], "silent": []}
        for name in (PICTURE_MARKS, SOUND_MARKS):
            for kind, begins, time in _marks(folder / name):
                marks[kind].append((begins, time))
        heard_until = _end_of_sound(subject)
        ends = {"black": subject.seconds, "frozen": subject.seconds, "silent": heard_until}
        found = {}
        for kind, series in marks.items():
            least = getattr(self._options, kind).seconds
            passages = between_marks(series, end=ends[kind], least=0.0)
            if kind == "silent":
                passages += _without_sound(subject)
            whole = merged(within(passages, subject.seconds), gap=GRAIN)
            # A video shorter than that can be black as a whole all the same.
            least = min(least, subject.seconds - GRAIN)
            found[kind] = tuple(one for one in whole if one.seconds >= least)
        return found


def _marks(file: Path) -> Iterator[tuple[str, bool, float]]:
    if not file.exists():
        return
    with file.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            key, _, value = line.strip().partition("=")
            if key in MARKS:
                yield *MARKS[key], float(value)


def _end_of_sound(subject: Subject) -> float:
    if not subject.media.audio:
        return 0.0
    return subject.media.audio[0].end_timestamp - subject.media.video.first_timestamp


def _without_sound(subject: Subject) -> tuple[Passage, ...]:
    """Where the sound track does not reach, or has not begun."""
    if not subject.media.audio:
        return (Passage(0.0, subject.seconds),)
    start = subject.media.audio[0].first_timestamp - subject.media.video.first_timestamp
    return (Passage(0.0, start), Passage(_end_of_sound(subject), subject.seconds))


def _told(kind: str, passages: tuple[Passage, ...], subject: Subject) -> Iterator[Evidence]:
    words = WORDS[kind]
    if kind == "silent" and not subject.media.audio:
        words = "no sound track"
    for one in passages:
        yield Evidence(words, one.start, one.end, score=round(one.seconds / subject.seconds, 4))
