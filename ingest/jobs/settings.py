"""What an operator may choose about jobs: what workers take, what goes first, who is told."""

import base64
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from common.settings import ByteSize
from ingest.jobs import queues
from ingest.plan import VideoCodec


class Kind(StrEnum):
    """What a worker may take."""

    LIGHT = queues.LIGHT
    FILTER = queues.FILTER
    AUDIO = queues.AUDIO
    ENCODE = queues.ENCODE


class TakesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which tasks a worker takes; others leave them to it, as it leaves all else to them."""

    kinds: Annotated[
        tuple[Kind, ...],
        Meta(
            description="Kinds of tasks: light (inspecting, packaging, publishing, …), filter, "
            "audio, encode.",
            min_length=1,
        ),
    ] = tuple(Kind)
    codecs: Annotated[
        tuple[VideoCodec, ...],
        Meta(description="Codecs to encode video to, where encode is among the kinds."),
    ] = tuple(VideoCodec)
    memory: Annotated[
        ByteSize | None,
        Meta(
            description="Memory for all of its tasks together; without it, any task is taken.",
            extra={"unit": "bytes", "example": "8GiB"},
        ),
    ] = None


class Event(StrEnum):
    """What a webhook may be told of."""

    DONE = "done"
    FAILED = "failed"
    REVIEW = "review"


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told what becomes of jobs, by signed messages (Standard Webhooks)."""

    name: Annotated[
        str,
        Meta(
            description="What the webhook is called in logs.",
            pattern=r"^[A-Za-z0-9_]{1,32}\Z",
            extra={"example": "studio"},
        ),
    ]
    url: Annotated[
        str,
        Meta(
            description="Where messages are posted.",
            pattern=r"^https?://[!-~]{1,512}\Z",
            extra={"example": "https://studio.example.org/nearcast"},
        ),
    ]
    secret: Annotated[
        str,
        Meta(
            description="What messages are signed with: `whsec_` and base64, or any text.",
            min_length=16,
            max_length=512,
            extra={"example": "whsec_bG9uZy1yYW5kb20tc2VjcmV0LWtleQ=="},
        ),
    ]
    events: Annotated[
        tuple[Event, ...], Meta(description="What it is told of: done, failed, review.")
    ] = tuple(Event)

    def __post_init__(self) -> None:
        try:
            _ = self.key
        except ValueError as error:
            raise ValueError("Expected base64 after `whsec_`") from error

    @property
    def key(self) -> bytes:
        """What messages are signed with."""
        encoded = self.secret.removeprefix("whsec_")
        if encoded == self.secret:
            return self.secret.encode()
        return base64.b64decode(encoded, validate=True)
