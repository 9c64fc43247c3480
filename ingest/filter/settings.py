"""What an operator says about one filter of the chain."""

from enum import StrEnum
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from common.settings import ByteSize


class OnFailure(StrEnum):
    """What a filter that failed or timed out stands for."""

    OPEN = "open"
    """The video is allowed."""
    CLOSED = "closed"
    """An operator looks at the video."""


class FilterSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the chain."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="What verdicts call this filter; no two of a chain are alike.",
            extra={"example": "known-files"},
        ),
    ]
    kind: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=64,
            description="Which plug-in it is: exact-hash, perceptual-hash, passages, http, onnx, "
            "or one that an installed package brings.",
            extra={"example": "exact-hash"},
        ),
    ]
    timeout: Annotated[
        float,
        Meta(
            gt=0,
            le=86_400,
            description="How long it may look at one video.",
            extra={"unit": "seconds"},
        ),
    ] = 600.0
    on_failure: Annotated[
        OnFailure,
        Meta(
            description="What it stands for when it fails or takes too long: open allows the "
            "video, closed holds it for review."
        ),
    ] = OnFailure.CLOSED
    memory: Annotated[
        ByteSize,
        Meta(
            description="Address space of each of its processes; 0 is no limit.",
            extra={"unit": "bytes"},
        ),
    ] = ByteSize(4 << 30)
    options: Annotated[
        dict[str, Any],
        Meta(description="The plug-in's own settings; paths in them are absolute."),
    ] = {}
