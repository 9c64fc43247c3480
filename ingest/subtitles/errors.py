"""What may be wrong with subtitles, each in a sentence for whoever sent them."""

from common.errors import NearcastError


class SubtitlesInvalid(NearcastError):
    """The subtitles cannot be read: {reason}."""

    status = 422


class SubtitlesTooLarge(SubtitlesInvalid):
    """The subtitles have more than the {limit} bytes that they may have."""

    status = 413


class SubtitlesEncodingUnknown(SubtitlesInvalid):
    """Line {line} of the subtitles is not in UTF-8: save them as UTF-8 and send them again."""


class SubtitlesCutShort(SubtitlesInvalid):
    """The subtitles are in UTF-16 that ends or breaks in line {line}."""


class SubtitlesLineTooLong(SubtitlesInvalid):
    """Line {line} of the subtitles has more than {limit} characters."""


class TimeSpanInvalid(SubtitlesInvalid):
    """Line {line} of the subtitles should be a time span such as 00:00:01,000 --> 00:00:02,500."""


class TimeSpanMissing(SubtitlesInvalid):
    """Line {line} of the subtitles begins a text that has no time span above it."""


class TooManyCues(SubtitlesInvalid):
    """Line {line} of the subtitles begins one cue more than the {limit} that there may be."""


class CueTooLong(SubtitlesInvalid):
    """Line {line} of the subtitles makes a cue longer than {limit} characters."""


class SubtitlesTooDense(SubtitlesInvalid):
    """The cues of the subtitles last so long that they would fill the video {limit} bytes over."""


class SubtitlesEmpty(SubtitlesInvalid):
    """The subtitles have no cue with a text that is ever shown."""


class LanguageUnknown(SubtitlesInvalid):
    """{language!r} is no language: it takes a tag such as en, pt-BR or zh-Hant."""
