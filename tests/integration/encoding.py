"""Encodes a source as a job does, and looks at what came out with PyAV."""

import asyncio
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import msgspec
import numpy as np
import numpy.typing as npt

from ingest.inspect import InspectionLimits, MediaInfo, MediaLimits
from ingest.inspect.probe import inspect
from ingest.plan import EncodingPlan, PlanSettings, plan
from ingest.transcode import encodes
from ingest.transcode.command import Command
from ingest.transcode.runner import run
from ingest.transcode.settings import Preset, TranscodeSettings

SETTINGS = TranscodeSettings(
    preset=Preset.ULTRAFAST, hevc_preset=Preset.ULTRAFAST, av1_preset=11, threads=1
)
SHORT = PlanSettings(
    segment_seconds=2, chunk_seconds=4, first_seconds=None, audio_bitrates=(128_000,), loudness=None
)

AT_ONCE = 2


@dataclass(frozen=True)
class Shown:
    """A decoded frame."""

    time: Fraction
    """Seconds."""
    pixels: npt.NDArray[np.uint8]
    """Red, green and blue, by rows."""

    @property
    def brightness(self) -> float:
        return float(self.pixels.mean())

    def color(self, x: float, y: float) -> tuple[int, ...]:
        """Around a place, told in shares of width and height."""
        height, width, _ = self.pixels.shape
        row, column = int(y * height), int(x * width)
        patch = self.pixels[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        return tuple(round(value) for value in patch.mean(axis=(0, 1)))


@dataclass(frozen=True)
class Encoded:
    """All parts of a source's encode, on disk."""

    folder: Path
    media: MediaInfo
    plan: EncodingPlan

    @property
    def best(self) -> str:
        return self.plan.video[0].name

    @property
    def sound(self) -> str:
        return self.plan.audio[0].renditions[0].name

    def inits(self, rendition: str) -> set[bytes]:
        return {path.read_bytes() for path in self.folder.glob(f"*/{rendition}/init.mp4")}

    def segments(self, rendition: str) -> list[Path]:
        paths = [
            *self.folder.glob(f"*/{rendition}/*.m4s"),
            *self.folder.glob(f"*/{rendition}/*.ts"),
        ]
        return sorted(paths, key=lambda path: path.name)

    def joined(self, rendition: str) -> Path:
        """All that a player's buffer would have, in a row."""
        parts = [
            *sorted(self.inits(rendition)),
            *(p.read_bytes() for p in self.segments(rendition)),
        ]
        target = self.folder / f"{rendition}{self.segments(rendition)[0].suffix}"
        target.write_bytes(b"".join(parts))
        return target

    def frames(self, rendition: str | None = None) -> Iterator[Shown]:
        """The frames of a rendition, else of the best one."""
        return frames(self.joined(rendition or self.best))

    def times(self, rendition: str | None = None) -> list[Fraction]:
        return [frame.time for frame in self.frames(rendition)]

    def grid(self, step: int = 1) -> list[Fraction]:
        """The times that the plan's frames have."""
        count = self.plan.frame_count
        return [number / self.plan.frame_rate.fraction for number in range(0, count, step)]

    def samples(self, rendition: str | None = None) -> "Sound":
        return samples(self.joined(rendition or self.sound))


@dataclass(frozen=True)
class Sound:
    """Decoded sound at 48 kHz."""

    start: float
    """Seconds of the first sample."""
    levels: npt.NDArray[np.float32]
    """A row for each channel, from -1 to 1."""

    @property
    def end(self) -> float:
        return self.start + int(self.levels.shape[1]) / 48_000

    def loud(self, threshold: float = 0.02) -> list[tuple[float, float]]:
        """Start and end of all that is louder than ``threshold``, in seconds, to 5 ms."""
        size = 240
        count = self.levels.shape[1] // size
        blocks = np.abs(self.levels[:, : count * size]).max(axis=0).reshape(count, size).max(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate(([0], blocks > threshold, [0]))))
        seconds = [self.start + edge * size / 48_000 for edge in edges]
        return list(zip(seconds[::2], seconds[1::2], strict=True))

    def pitch(self) -> float:
        """Hertz of the loudest tone."""
        spectrum = np.abs(np.fft.rfft(self.levels.mean(axis=0)))
        return int(np.argmax(spectrum)) * 48_000 / int(self.levels.shape[1])


async def encode(source: Path, folder: Path, settings: PlanSettings = SHORT) -> Encoded:
    """Do what a job does with ``source`` up to packaging, in any order."""
    media = await inspect(
        source, InspectionLimits(), MediaLimits(min_seconds=0, max_seconds=10_000)
    )
    planned = plan(media, settings, short=False)
    await carry_out(planned, source, folder)
    return Encoded(folder, media, planned)


async def carry_out(planned: EncodingPlan, source: Path, folder: Path) -> None:
    """Every task of ``planned``, two at a time, the last first."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(command: Command) -> None:
        await run(command, stall_timeout=60, confinement=SETTINGS.confinement)

    async def chunk(group: int, index: int) -> None:
        async with room:
            await encodes.encode_chunk(
                one,
                planned,
                planned.groups[group],
                planned.chunks[index],
                source,
                folder / f"c{index:04d}",
                SETTINGS,
            )

    async def track(number: int) -> None:
        async with room:
            place = folder / f"sound{number}"
            await encodes.encode_track(one, planned, planned.audio[number], source, place, SETTINGS)

    async with asyncio.TaskGroup() as tasks:
        for number in range(len(planned.audio)):
            tasks.create_task(track(number))
        for index in reversed(range(len(planned.chunks))):
            for group in range(len(planned.groups)):
                tasks.create_task(chunk(group, index))


def generous(planned: EncodingPlan) -> EncodingPlan:
    """`planned` with so high a cap that pictures tell frames apart, whatever the encoder saves."""
    video = tuple(
        msgspec.structs.replace(rendition, max_bitrate=10_000_000, buffer_size=20_000_000)
        for rendition in planned.video
    )
    return msgspec.structs.replace(planned, video=video)


def frames(path: Path) -> Iterator[Shown]:
    """All frames of a file, in the colours that it says it has."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        for frame in container.decode(stream):
            assert frame.pts is not None
            shown = frame.reformat(format="rgb24", src_colorspace="ITU709")
            pixels = np.asarray(shown.to_ndarray(), dtype=np.uint8)
            yield Shown(frame.pts * stream.time_base, pixels)


def samples(path: Path) -> Sound:
    """All sound of a file."""
    with av.open(str(path)) as container:
        decoded = list(container.decode(container.streams.audio[0]))
    resampler = av.AudioResampler(format="fltp", rate=48_000)
    parts = [part.to_ndarray() for frame in [*decoded, None] for part in resampler.resample(frame)]
    first = decoded[0]
    assert first.time is not None
    return Sound(first.time, np.concatenate(parts, axis=1))


def tags(path: Path) -> tuple[int, int, int, int]:
    """Code points of primaries, transfer and matrix, and FFmpeg's number of the range."""
    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        return frame.color_primaries, frame.color_trc, frame.colorspace, frame.color_range


def loudness_of(path: Path) -> float:
    """LUFS of a file's sound, as ffmpeg's meter tells it at the end."""
    done = subprocess.run(
        [
            *(imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", "-i", str(path)),
            *("-af", "ebur128=framelog=quiet", "-f", "null", "-"),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    words = done.stderr.split()
    return float(words[len(words) - 1 - words[::-1].index("I:") + 1])
