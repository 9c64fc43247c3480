"""``perceptual-hash``: what is seen is known, whatever was done to the file."""

from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta

from common.messages import Decision, Evidence
from ingest.filter.blocklists import BlockList, words_of
from ingest.filter.hashing import RATE, FrameHash, frame_hashes
from ingest.filter.matching import MAX_DISTANCE, MIN_QUALITY, NO_MATCH, Nearest, Threshold
from ingest.filter.model import Answer, Subject
from ingest.filter.options import ListFile, require_absolute
from ingest.filter.passages import runs
from ingest.filter.tools import Tools


class PerceptualHash:
    """Compares the PDQ hash of each second's frame with a block list."""

    class Options(msgspec.Struct, frozen=True, kw_only=True):
        """What is on the list, what is alike, and what that means."""

        list: ListFile
        max_distance: Annotated[
            int, Meta(ge=0, le=64, description="Bits of 256 in which frames that match may differ.")
        ] = MAX_DISTANCE
        min_quality: Annotated[
            int,
            Meta(ge=0, le=100, description="Frames of lower PDQ quality are too plain to count."),
        ] = MIN_QUALITY
        review: Annotated[
            Threshold, Meta(description="From how many matching frames an operator looks at it.")
        ] = Threshold(frames=1)
        block: Annotated[
            Threshold | None,
            Meta(description="From how many it is blocked; without this, it never is."),
        ] = None

        def __post_init__(self) -> None:
            require_absolute(self.list)

    def __init__(self, options: Options) -> None:
        self._options = options
        self._list = BlockList(options.list)
        self._list.require()

    def check(self, subject: Subject, tools: Tools) -> Answer:
        """Hash the frames, then go through the list once for all of them."""
        hashes = list(frame_hashes(subject, tools))
        counted = [one for one in hashes if one.quality >= self._options.min_quality]
        nearest = self._nearest(counted)
        matching = nearest.distances < NO_MATCH
        decision = self._decided(int(matching.sum()), len(counted))
        return Answer(decision, self._evidence(counted, nearest, subject.seconds))

    def _nearest(self, frames: list[FrameHash]) -> Nearest:
        together = np.frombuffer(b"".join(one.pdq for one in frames), np.uint8)
        nearest = Nearest(words_of(together.reshape(-1, 32)), limit=self._options.max_distance)
        for block in self._list.blocks():
            nearest.show(block.words, block.places)
        return nearest

    def _decided(self, matching: int, counted: int) -> Decision:
        if self._options.block is not None and self._options.block.reached(matching, counted):
            return Decision.BLOCK
        if self._options.review.reached(matching, counted):
            return Decision.REVIEW
        return Decision.ALLOW

    def _evidence(
        self, frames: list[FrameHash], nearest: Nearest, seconds: float
    ) -> tuple[Evidence, ...]:
        """A piece for each run of frames that match, with the entry that is nearest to any."""
        evidence = []
        for run in runs([distance < NO_MATCH for distance in nearest.distances.tolist()]):
            best = min(run, key=lambda index: int(nearest.distances[index]))
            distance = int(nearest.distances[best])
            label = self._list.label(int(nearest.places[best]))
            evidence.append(
                Evidence(
                    f"matches block list entry {label!r} (distance {distance})",
                    start=frames[run[0]].time,
                    end=min(seconds, frames[run[-1]].time + 1 / RATE),
                    score=float(distance),
                )
            )
        return tuple(evidence)
