"""Messages to bytes and back: JSON (RFC 8259) through msgspec, checked against the type."""

from typing import Any, TypeVar

import msgspec

from common.errors import NearcastError

T = TypeVar("T")


class MessageInvalid(NearcastError):
    """The body is not a valid {message}: {reason}."""

    status = 422


def encode(message: Any) -> bytes:
    """``message`` as UTF-8 JSON."""
    return msgspec.json.encode(message)


def encode_text(message: Any) -> str:
    """``message`` as JSON text."""
    return encode(message).decode()


def decode(body: bytes | str, kind: type[T]) -> T:
    """The message of type ``kind`` in ``body``.

    Raises:
        MessageInvalid: the body is no JSON, or no such message.
    """
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MessageInvalid(message=kind.__name__, reason=str(error)) from error
