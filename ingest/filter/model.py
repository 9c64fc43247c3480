"""What filters are told, what they answer, and what a chain of them comes to."""

from collections.abc import Iterable
from enum import StrEnum

import msgspec

from ingest.inspect.media import MediaInfo


class Decision(StrEnum):
    """What is to become of a video."""

    ALLOW = "allow"
    REVIEW = "review"
    """Not published before an operator has looked at it."""
    BLOCK = "block"


class Evidence(msgspec.Struct, frozen=True):
    """What was seen, and where."""

    reason: str
    """One short sentence for an operator."""
    start: float | None = None
    """Seconds from the first frame; none is the whole file."""
    end: float | None = None
    score: float | None = None
    """Its meaning belongs to the filter: a share, a probability, a Hamming distance."""


class Answer(msgspec.Struct, frozen=True):
    """What a plug-in says about one video."""

    decision: Decision
    evidence: tuple[Evidence, ...] = ()


class Verdict(msgspec.Struct, frozen=True):
    """What one filter of the chain came to."""

    filter: str
    """Its name in the chain."""
    decision: Decision
    evidence: tuple[Evidence, ...] = ()
    """At most ``answers.MAX_EVIDENCE``."""
    failure: str | None = None
    """One sentence, where the filter itself failed; ``on_failure`` then made the decision."""
    seconds: float = 0.0
    """Wall time that it took."""


class Outcome(msgspec.Struct, frozen=True):
    """What the chain came to."""

    decision: Decision
    """The strictest of its filters'."""
    verdicts: tuple[Verdict, ...] = ()
    """In the order of the chain; none for filters after one that blocks."""


class Subject(msgspec.Struct, frozen=True):
    """The video that filters look at."""

    source: str
    """Absolute path of a local file, inspected and validated."""
    sha256: str
    """Of the whole file, in lower-case hexadecimal."""
    size: int
    """Bytes."""
    media: MediaInfo
    title: str
    filename: str | None
    owner: str

    @property
    def seconds(self) -> float:
        """How long the picture lasts."""
        return self.media.video.end_timestamp - self.media.video.first_timestamp


_STRICTNESS = tuple(Decision)


def strictest(decisions: Iterable[Decision]) -> Decision:
    """The strictest of ``decisions``; allow where there are none."""
    return max(decisions, key=_STRICTNESS.index, default=Decision.ALLOW)
