"""What can be wrong with an upload; each docstring is the sentence that its sender reads."""

from common.errors import NearcastError


class UploadRefused(NearcastError):
    """The upload cannot be used."""

    status = 422


class FileEmpty(UploadRefused):
    """The file is empty."""


class FileUnreadable(UploadRefused):
    """The file cannot be read: {reason}."""

    status = 500


class FileNotVideo(UploadRefused):
    """The file is not a video in any format known here."""

    status = 415


class ContainerForbidden(UploadRefused):
    """Files of this kind are not taken: send one of {allowed}."""

    status = 415


class VideoMissing(UploadRefused):
    """The file has no video stream."""


class VideoUndecodable(UploadRefused):
    """The video stream cannot be decoded: {reason}."""


class SoundUndecodable(UploadRefused):
    """The sound cannot be decoded: nothing says how many channels it has."""


class FileTruncated(UploadRefused):
    """The file ends too early: {reason}."""


class FileDamaged(UploadRefused):
    """The file is damaged: {reason}."""


class InspectionTooSlow(UploadRefused):
    """Looking into the file took longer than {seconds:g} seconds."""


class InspectionTooCostly(UploadRefused):
    """Looking into the file takes too much {what}."""


class InspectionFailed(UploadRefused):
    """Looking into the file failed: {reason}."""


class FileUnsafe(UploadRefused):
    """The file could not be read safely: what it is made of crashes the reader ({signal})."""


class InspectionInterrupted(UploadRefused):
    """Looking into the file was interrupted: {reason}."""

    # Not the file's fault: the next attempt may succeed.
    status = 503


class ProfileUnknown(NearcastError):
    """There is no profile {profile!r}: choose one of {known}."""

    status = 422


class StreamsTooMany(UploadRefused):
    """The file has more than {limit} streams, which is the most that is taken."""


class CodecForbidden(UploadRefused):
    """{kind} in the codec {codec} is not taken: use one such as {common}."""

    status = 415


class SoundUnfit(UploadRefused):
    """The sound has {channels} channels at {rate} Hz; up to {most} at {lowest} to {highest} Hz are
    taken.
    """


class VideoTooShort(UploadRefused):
    """The video lasts {seconds:.2f} seconds; at least {limit:g} are taken."""


class PictureTooSmall(UploadRefused):
    """The picture has {width} by {height} pixels; at least {limit} on a side are taken."""


class UploadTooLarge(UploadRefused):
    """The file has {bytes} bytes; at most {limit} are taken."""

    status = 413


class VideoTooLong(UploadRefused):
    """The video lasts {seconds:.1f} seconds; at most {limit:g} are taken."""


class PictureTooLarge(UploadRefused):
    """The picture has {width} by {height} pixels; at most {limit} on a side are taken."""


class FrameRateTooHigh(UploadRefused):
    """The video has {rate:.2f} frames per second; at most {limit:g} are taken."""
