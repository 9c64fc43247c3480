"""What an operator may choose about encodes."""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from common.settings import ByteSize
from ingest.transcode.confinement import Confinement


class Preset(StrEnum):
    """x264's and x265's trade of time against size."""

    ULTRAFAST = "ultrafast"
    SUPERFAST = "superfast"
    VERYFAST = "veryfast"
    FASTER = "faster"
    FAST = "fast"
    MEDIUM = "medium"
    SLOW = "slow"
    SLOWER = "slower"
    VERYSLOW = "veryslow"


class TranscodeSettings(msgspec.Struct, frozen=True):
    """How encodes run."""

    preset: Annotated[
        Preset,
        Meta(description="x264's preset: slower ones make smaller files."),
    ] = Preset.FAST
    constant_rate_factor: Annotated[
        int,
        Meta(
            ge=10,
            le=40,
            description="x264's quality aim; lower is better and larger. Bit rates stay capped.",
        ),
    ] = 22
    hevc_preset: Annotated[
        Preset,
        Meta(description="x265's preset: slower ones make smaller files."),
    ] = Preset.FAST
    hevc_rate_factor: Annotated[
        int,
        Meta(ge=10, le=40, description="x265's quality aim; lower is better and larger."),
    ] = 24
    av1_preset: Annotated[
        int,
        Meta(ge=0, le=11, description="SVT-AV1's preset: lower ones make smaller files, slowly."),
    ] = 8
    av1_rate_factor: Annotated[
        int,
        Meta(ge=10, le=60, description="SVT-AV1's quality aim; lower is better and larger."),
    ] = 32
    threads: Annotated[
        int,
        Meta(
            ge=0,
            description="Threads for each decoder and encoder of a task; 0 is one per core.",
        ),
    ] = 0
    stall_seconds: Annotated[
        float,
        Meta(
            gt=0,
            description="An encode without progress for so long is ended.",
            extra={"unit": "seconds"},
        ),
    ] = 120.0
    memory: Annotated[
        ByteSize,
        Meta(
            description="Address space of an encode; 0 is no limit.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(16 << 30)
    max_file: Annotated[
        ByteSize,
        Meta(
            description="The largest file an encode may write; 0 is no limit.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(2 << 30)

    @property
    def confinement(self) -> Confinement:
        """What one ffmpeg may use; its time is bounded by ``stall_seconds``."""
        return Confinement(memory=int(self.memory), output=int(self.max_file))
