"""What can be wrong with an upload, each in one sentence."""

from typing import ClassVar

from common.errors import NearcastError

AGAIN_SOON: dict[str, str] = {"Retry-After": "5"}


class UploadTooLarge(NearcastError):
    """The file is larger than the {limit} bytes that are taken here."""

    status = 413


class UploadEmpty(NearcastError):
    """The file is empty."""

    status = 422


class UploadCutOff(NearcastError):
    """The upload ended after {received} bytes, before all were there."""

    status = 400


class UploadStalled(NearcastError):
    """No byte came for {seconds:g} s, so the upload was given up."""

    status = 408


class UploadsTooMany(NearcastError):
    """{limit} uploads are running already: try again in a moment."""

    status = 503
    headers: ClassVar[dict[str, str]] = AGAIN_SOON


class TitleInvalid(NearcastError):
    """The {parameter} must be 1 to {limit} characters of text without control characters."""

    status = 422


class LengthMalformed(NearcastError):
    """Content-Length must be a number of bytes."""

    status = 400


class FieldMalformed(NearcastError):
    """{field} must be {expected}."""

    status = 400


class VersionUnknown(NearcastError):
    """This speaks version {known} of the tus protocol: send `Tus-Resumable: {known}`."""

    status = 412


class ContentTypeUnfit(NearcastError):
    """The content must be of the type {expected}."""

    status = 415


class ChecksumWrong(NearcastError):
    """The bytes have another {algorithm} than Upload-Checksum says; none of them was kept."""

    status = 460


class UploadUnknown(NearcastError):
    """There is no upload {upload_id!r}."""

    status = 404


class UploadExpired(NearcastError):
    """The upload {upload_id!r} was given up, as nothing came for too long: begin a new one."""

    status = 410


class UploadFinal(NearcastError):
    """The upload {upload_id!r} takes no bytes: it joins other uploads."""

    status = 403


class UploadWhole(NearcastError):
    """The upload {upload_id!r} is whole: its job is where its file is looked after."""

    status = 409


class OffsetConflict(NearcastError):
    """The upload goes on at byte {offset}, not at {given}."""

    status = 409


class UploadOverrun(NearcastError):
    """The content is longer than the {room} bytes that are missing from the upload."""

    status = 413


class UploadFragmented(NearcastError):
    """The upload came in {limit} portions and is not whole: begin anew with larger ones."""

    status = 413


class UploadTakenOver(NearcastError):
    """Another request goes on with this upload."""

    status = 409


class UploadBusy(NearcastError):
    """Another request has this upload in hand: try again in a moment."""

    status = 423
    headers: ClassVar[dict[str, str]] = AGAIN_SOON


class ServiceEnding(NearcastError):
    """The service is going down: go on with the upload in a moment."""

    status = 503
    headers: ClassVar[dict[str, str]] = AGAIN_SOON


class PartUnfit(NearcastError):
    """The upload {upload_id!r} cannot be joined: it {reason}."""

    status = 409


class DirectUnsupported(NearcastError):
    """Files cannot be sent to this system's store directly: use tus at /v1/uploads."""

    status = 501


class PartsMissing(NearcastError):
    """The upload {upload_id!r} cannot be completed: part {number} has not come as it was told."""

    status = 409


class PartsWrong(NearcastError):
    """Part {number} has {actual} bytes, not {expected} as was said: the upload was given up."""

    status = 422


class QuotaExceeded(NearcastError):
    """The credential {name!r} has reached its limit of {limit}."""

    status = 429

    def __init__(self, *, retry_after: int, **facts: object) -> None:
        super().__init__(**facts)
        self.headers = {"Retry-After": str(retry_after)}  # type: ignore[misc]  # it depends on the case
