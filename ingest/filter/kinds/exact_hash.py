"""``exact-hash``: the file is known, byte for byte."""

from typing import Annotated, Literal

import msgspec
import numpy as np

from common.messages import Decision, Evidence
from ingest.filter.blocklists import BlockList, words_of
from ingest.filter.model import Answer, Subject
from ingest.filter.options import ListFile, require_absolute
from ingest.filter.tools import Tools


class ExactHash:
    """Compares the file's SHA-256 with a block list."""

    class Options(msgspec.Struct, frozen=True, kw_only=True):
        """What is on the list, and what that means."""

        list: ListFile
        decision: Annotated[
            Literal["review", "block"], msgspec.Meta(description="For a file on the list.")
        ] = "block"

        def __post_init__(self) -> None:
            require_absolute(self.list)

    def __init__(self, options: Options) -> None:
        self._list = BlockList(options.list)
        self._decision = Decision(options.decision)
        self._list.require()

    def check(self, subject: Subject, tools: Tools) -> Answer:  # noqa: ARG002 -- the interface
        """Read the whole list, so that a malformed line is noticed before it matters."""
        digest = np.frombuffer(bytes.fromhex(subject.sha256), np.uint8)
        [word, *_] = wanted = words_of(digest.reshape(1, -1))
        found = [
            int(block.places[index])
            for block in self._list.blocks()
            for index in np.flatnonzero(block.words[0] == word)
            if (block.words[:, index] == wanted[:, 0]).all()
        ]
        if not found:
            return Answer(Decision.ALLOW)
        label = self._list.label(found[0])
        return Answer(self._decision, (Evidence(f"is block list entry {label!r}"),))
