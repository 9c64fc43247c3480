"""What is in an uploaded file: found out in a confined process, judged by pure rules."""

from ingest.inspect.errors import (
    ContainerForbidden,
    FileDamaged,
    FileEmpty,
    FileNotVideo,
    FileTruncated,
    FileUnreadable,
    FrameRateTooHigh,
    InspectionFailed,
    InspectionTooSlow,
    PictureTooLarge,
    UploadRefused,
    UploadTooLarge,
    VideoMissing,
    VideoTooLong,
    VideoUndecodable,
)
from ingest.inspect.limits import InspectionLimits, MediaLimits, validate
from ingest.inspect.media import AudioStream, MediaInfo, Rational, VideoStream
from ingest.inspect.probe import inspect

__all__ = [
    "AudioStream",
    "ContainerForbidden",
    "FileDamaged",
    "FileEmpty",
    "FileNotVideo",
    "FileTruncated",
    "FileUnreadable",
    "FrameRateTooHigh",
    "InspectionFailed",
    "InspectionLimits",
    "InspectionTooSlow",
    "MediaInfo",
    "MediaLimits",
    "PictureTooLarge",
    "Rational",
    "UploadRefused",
    "UploadTooLarge",
    "VideoMissing",
    "VideoStream",
    "VideoTooLong",
    "VideoUndecodable",
    "inspect",
    "validate",
]
