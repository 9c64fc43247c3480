"""Subtitles that were sent for a job: where they lie, and which tracks they become. Pure.

Each lies beside the job's source as the cues that it was read as, so that what is packaged later is
what was found good when it came.
"""

from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from ingest.jobs.model import Sidecar
from ingest.plan.model import EncodingPlan, SubtitleTrack
from ingest.upload.record import source_prefix

OUTSIDE: Final = -1
"""Number of a stream that is not in the file."""


def sidecar_key(job_id: str, part: str) -> str:
    """The object that holds the cues of the sidecar of that part, as JSON."""
    return f"{source_prefix(job_id)}subtitles/{part}.json"


def track_name(sidecar: Sidecar) -> str:
    """The folder of its segments in the package; no track of the file's own has such a name."""
    return f"subtitles-sent-{sidecar.language.lower()}"


def subtitled(
    plan: EncodingPlan, sidecars: Sequence[Sidecar], made: Collection[str]
) -> EncodingPlan:
    """``plan`` with the subtitles that a package has: those of the source that were ``made``, then
    the sidecars. A sidecar that is the default is the only one.
    """
    sent = tuple(
        SubtitleTrack(
            index=OUTSIDE,
            name=track_name(sidecar),
            language=sidecar.language,
            label=sidecar.label,
            default=sidecar.default,
            forced=sidecar.forced,
            hearing_impaired=sidecar.hearing_impaired,
        )
        for sidecar in sidecars
    )
    preferred = any(track.default for track in sent)
    own = tuple(
        msgspec.structs.replace(track, default=track.default and not preferred)
        for track in plan.subtitles
        if track.name in made
    )
    return msgspec.structs.replace(plan, subtitles=own + sent)
