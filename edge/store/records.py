"""What the index has under a key."""

from typing import Any

import msgspec

from edge.policy.stored import Stored


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What is stored under one key."""

    key: str
    variants: tuple[Stored, ...]


_decode = msgspec.msgpack.Decoder(Record).decode


def readable(found: Any) -> Record | None:
    """The record; None when another release wrote it, or the disk spoiled it."""
    try:
        return _decode(found)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
