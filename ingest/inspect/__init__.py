"""What is in an uploaded file: found out in a confined process, judged by pure rules.

``ingest.inspect.probe`` does it. It is not named here, because the confined process has no use for
what it imports.
"""

from ingest.inspect.errors import UploadRefused
from ingest.inspect.limits import InspectionLimits, MediaLimits, MediaProfile, limits_of
from ingest.inspect.media import AudioStream, MediaInfo, Rational, VideoStream
from ingest.inspect.rules import validate

__all__ = [
    "AudioStream",
    "InspectionLimits",
    "MediaInfo",
    "MediaLimits",
    "MediaProfile",
    "Rational",
    "UploadRefused",
    "VideoStream",
    "limits_of",
    "validate",
]
