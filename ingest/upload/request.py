"""What an upload's request says before its body comes, checked. Pure."""

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ingest.upload.errors import LengthMalformed, TitleInvalid, UploadEmpty, UploadTooLarge

TITLE_LENGTH = 256
FILENAME_LENGTH = 255
PROFILE_LENGTH = 64


@dataclass(frozen=True)
class UploadRequest:
    """An upload that may begin."""

    title: str
    filename: str | None
    profile: str | None
    """Which of the operator's profiles the video must fit; None is the one for all."""
    content_type: str
    limit: int
    """Bytes that it may have."""


def check_request(
    query: Mapping[str, str], *, content_type: str, limit_of: Callable[[str | None], int]
) -> UploadRequest:
    """The upload that the parameters ``title``, ``filename`` and ``profile`` describe.

    ``limit_of`` tells how many bytes a file of a profile may have.

    Raises:
        ProfileUnknown: there is no profile of that name.
        TitleInvalid: one of the parameters is too long, empty or has control characters.
    """
    filename = query.get("filename")
    if filename is not None:
        filename = plain_text(filename, "filename", FILENAME_LENGTH)
    title = plain_text(query.get("title") or filename or "", "title", TITLE_LENGTH)
    profile = query.get("profile")
    if profile is not None:
        profile = plain_text(profile, "profile", PROFILE_LENGTH)
    return UploadRequest(title, filename, profile, content_type, limit_of(profile))


def check_length(content_length: str | None, limit: int) -> None:
    """Whether a body of that Content-Length may come; None is a length not told.

    Raises:
        LengthMalformed: it is no number.
        UploadEmpty: it is zero.
        UploadTooLarge: it is more than ``limit`` bytes.
    """
    if content_length is None:
        return
    if not (content_length.isascii() and content_length.isdigit() and len(content_length) <= 20):
        raise LengthMalformed
    if int(content_length) == 0:
        raise UploadEmpty
    if int(content_length) > limit:
        raise UploadTooLarge(limit=limit)


def plain_text(value: str, parameter: str, limit: int) -> str:
    """``value``, tidied, where it is fit to be shown.

    Raises:
        TitleInvalid: ``parameter`` is empty, has more than ``limit`` characters or hostile ones.
    """
    text = unicodedata.normalize("NFC", value).strip()
    # Cc: controls, Cf: invisible marks that reorder text, Cs: halves of characters, Zl/Zp: breaks.
    hostile = any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in text)
    if not 1 <= len(text) <= limit or hostile:
        raise TitleInvalid(parameter=parameter, limit=limit)
    return text
