"""Content filters: a chain of plug-ins that allow a video, hold it for review, or block it.

A plug-in is a class that a package registers as an entry point of the group ``nearcast.filters``.
Its `Options` are the settings that an operator writes under `options`; it is made with them, and
its `check` looks at one video. A whole one, which holds titles in capitals for review::

    # shouting.py
    import msgspec
    from ingest.filter import Answer, Decision, Evidence, FilterFailed, Subject, Tools

    class Shouting:
        class Options(msgspec.Struct, frozen=True):
            share: float = 0.5

        def __init__(self, options: Options) -> None:
            self._options = options

        def check(self, subject: Subject, tools: Tools) -> Answer:
            capitals = sum(letter.isupper() for letter in subject.title)
            if capitals < self._options.share * len(subject.title):
                return Answer(Decision.ALLOW)
            return Answer(Decision.REVIEW, (Evidence("the title shouts", score=capitals),))

    # pyproject.toml of its package
    [project.entry-points."nearcast.filters"]
    shouting = "shouting:Shouting"

    # settings of ingest and worker
    [[filters]]
    name = "no-shouting"
    kind = "shouting"
    options = { share = 0.8 }

`check` is called in a process of its own, with limits on memory, processor time and output; it may
block, and may keep what it likes: the process ends with it. `tools` gives it frames of the video at
an even rate, ffmpeg, a folder to write to, the time it has left, and a way to tell progress. To
fail, it raises `FilterFailed` with a reason; any other exception, a crash, an answer that is none
and taking too long are failures too. A failure counts as the filter's `on_failure` says. At most
100 pieces of evidence are kept, and 200 characters of each reason.
"""

from common.messages import Decision, Evidence, Verdict
from ingest.filter.chain import run_chain
from ingest.filter.errors import AnswerInvalid, FilterFailed, FilterTimedOut
from ingest.filter.model import Answer, Outcome, Subject
from ingest.filter.plugins import check_chain
from ingest.filter.settings import FilterSettings, OnFailure
from ingest.filter.tools import Frame, Tools

__all__ = [
    "Answer",
    "AnswerInvalid",
    "Decision",
    "Evidence",
    "FilterFailed",
    "FilterSettings",
    "FilterTimedOut",
    "Frame",
    "OnFailure",
    "Outcome",
    "Subject",
    "Tools",
    "Verdict",
    "check_chain",
    "run_chain",
]
