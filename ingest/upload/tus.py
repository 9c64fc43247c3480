"""What the fields of a tus request say. Pure.

Source: the tus resumable upload protocol 1.0.x, https://tus.io/protocols/resumable-upload
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from ingest.jobs.identifiers import made_at
from ingest.upload.errors import (
    ContentTypeUnfit,
    FieldMalformed,
    UploadEmpty,
    UploadTooLarge,
    VersionUnknown,
)

VERSION: Final = "1.0.0"
EXTENSIONS: Final = "creation,creation-with-upload,expiration,termination,checksum,concatenation"
ALGORITHMS: Final = ("sha256", "sha1", "md5", "crc32")
OFFSET_TYPE: Final = "application/offset+octet-stream"

LONGEST_METADATA: Final = 4096
MOST_PAIRS: Final = 32
MOST_PARTS: Final = 100
PATH: Final = "/v1/uploads"

_NUMBER: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_KEY: Final = re.compile(r"[!-+\--~]{1,64}", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[A-Za-z0-9.+-]{1,64}/[A-Za-z0-9.+-]{1,64}", re.ASCII)
_PART: Final = re.compile(rf"(?:https?://[!-~]{{1,255}}?)?{PATH}/([0-9a-z]{{26}})", re.ASCII)


@dataclass(frozen=True)
class Checksum:
    """What the bytes of a request must come to."""

    algorithm: str
    digest: bytes


def check_version(field: str | None) -> None:
    """Whether Tus-Resumable names the version that is spoken here.

    Raises:
        VersionUnknown: it does not.
    """
    if field != VERSION:
        raise VersionUnknown(known=VERSION)


def check_content_type(content_type: str) -> None:
    """Whether the content is what a request with bytes has.

    Raises:
        ContentTypeUnfit: it is something else.
    """
    if content_type != OFFSET_TYPE:
        raise ContentTypeUnfit(expected=OFFSET_TYPE)


def parse_offset(field: str | None) -> int:
    """The number that Upload-Offset is.

    Raises:
        FieldMalformed: it is none.
    """
    if field is None or _NUMBER.fullmatch(field) is None:
        raise FieldMalformed(field="Upload-Offset", expected="a number of bytes")
    return int(field)


def parse_length(field: str | None, *, deferred: str | None, limit: int) -> int:
    """The number that Upload-Length is.

    Raises:
        FieldMalformed: it is none, or the length is to be told later.
        UploadEmpty: it is zero.
        UploadTooLarge: it is more than ``limit`` bytes.
    """
    if deferred is not None:
        raise FieldMalformed(
            field="Upload-Length", expected="sent at once: Upload-Defer-Length is not supported"
        )
    if field is None or _NUMBER.fullmatch(field) is None:
        raise FieldMalformed(field="Upload-Length", expected="a number of bytes")
    length = int(field)
    if not length:
        raise UploadEmpty
    if length > limit:
        raise UploadTooLarge(limit=limit)
    return length


def parse_metadata(field: str | None) -> dict[str, str]:
    """The pairs of Upload-Metadata.

    Raises:
        FieldMalformed: it is too long, or is not what the protocol's section "Upload-Metadata" asks
            for: pairs of a key and a text in Base64, joined by commas, and no key twice.
    """
    if not field:
        return {}
    if len(field) > LONGEST_METADATA:
        raise _bad_metadata(f"at most {LONGEST_METADATA} characters")
    pairs = [pair.strip(" ") for pair in field.split(",")]
    if len(pairs) > MOST_PAIRS:
        raise _bad_metadata(f"at most {MOST_PAIRS} pairs")
    found: dict[str, str] = {}
    for pair in pairs:
        key, _, encoded = pair.partition(" ")
        if _KEY.fullmatch(key) is None or key in found:
            raise _bad_metadata("pairs whose keys are ASCII without blanks and differ")
        found[key] = _text(encoded)
    return found


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _bad_metadata("pairs of a key and UTF-8 text in Base64") from error


def _bad_metadata(expected: str) -> FieldMalformed:
    return FieldMalformed(field="Upload-Metadata", expected=expected)


def media_type(field: str | None) -> str:
    """The media type that ``filetype`` names; a general one when it names none."""
    return field if field and _MEDIA_TYPE.fullmatch(field) else "application/octet-stream"


def parse_checksum(field: str | None) -> Checksum | None:
    """What Upload-Checksum says; None when nothing is said.

    Raises:
        FieldMalformed: it is malformed, or names an algorithm that is not known.
    """
    if field is None:
        return None
    algorithm, _, encoded = field.partition(" ")
    if algorithm not in ALGORITHMS:
        raise FieldMalformed(
            field="Upload-Checksum", expected=f"one of {', '.join(ALGORITHMS)} and a digest"
        )
    try:
        return Checksum(algorithm, base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError) as error:
        raise FieldMalformed(
            field="Upload-Checksum", expected="an algorithm and a digest in Base64"
        ) from error


def parse_concat(field: str | None) -> tuple[str, ...] | None:
    """What Upload-Concat says: the ids to join, none for a partial upload; None if nothing is said.

    Raises:
        FieldMalformed: it is malformed, or names too many uploads, one twice or one not of here.
    """
    if field is None:
        return None
    if field == "partial":
        return ()
    kind, _, urls = field.partition(";")
    places = urls.split()
    if kind != "final" or not 1 <= len(places) <= MOST_PARTS:
        raise FieldMalformed(
            field="Upload-Concat", expected=f"partial, or final with 1 to {MOST_PARTS} uploads"
        )
    found = [_PART.fullmatch(place) for place in places]
    names = tuple(match[1] for match in found if match is not None and made_at(match[1]))
    if len(set(names)) != len(places):
        raise FieldMalformed(
            field="Upload-Concat", expected=f"final with uploads of {PATH}, each once"
        )
    return names
