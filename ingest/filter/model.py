"""What filters are told, what they answer, and what a chain of them comes to."""

from collections.abc import Iterable

import msgspec

from common.messages import Decision, Evidence, Verdict
from ingest.inspect.media import MediaInfo


class Answer(msgspec.Struct, frozen=True):
    """What a plug-in says about one video."""

    decision: Decision
    evidence: tuple[Evidence, ...] = ()


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
