"""What can be wrong with an upload, each in one sentence."""

from typing import ClassVar

from common.errors import NearcastError


class UploadTooLarge(NearcastError):
    """The file is larger than the {limit} bytes that are taken here."""

    status = 413


class UploadEmpty(NearcastError):
    """The file is empty."""

    status = 422


class UploadCutOff(NearcastError):
    """The upload ended after {received} bytes, before the file was whole; nothing was kept."""

    status = 400


class UploadStalled(NearcastError):
    """No byte came for {seconds:g} s, so the upload was given up; nothing was kept."""

    status = 408


class UploadsTooMany(NearcastError):
    """{limit} uploads are running already: try again in a moment."""

    status = 503
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class TitleInvalid(NearcastError):
    """The {parameter} must be 1 to {limit} characters of text without control characters."""

    status = 422


class LengthMalformed(NearcastError):
    """Content-Length must be a number of bytes."""

    status = 400
