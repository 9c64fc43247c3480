"""Videos for filters to look at, and what runs one filter on them."""

import hashlib
from pathlib import Path
from typing import Any

from common.settings import ByteSize
from ingest.filter import FilterSettings, OnFailure, Outcome, Subject, Verdict, run_chain
from ingest.inspect.limits import InspectionLimits
from ingest.inspect.probe import inspect


async def subject_of(path: Path, *, title: str = "A title") -> Subject:
    """`path` as ingest sees it after inspection."""
    media = await inspect(path, InspectionLimits())
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Subject(str(path), digest, media.byte_size, media, title, path.name, "someone")


def entry(
    kind: str,
    *,
    name: str = "it",
    timeout: float = 60,
    on_failure: OnFailure = OnFailure.CLOSED,
    memory: int = 4 << 30,
    **options: Any,
) -> FilterSettings:
    """One filter of a chain."""
    return FilterSettings(
        name=name,
        kind=kind,
        timeout=timeout,
        on_failure=on_failure,
        memory=ByteSize(memory),
        options=options,
    )


async def outcome_of(subject: Subject, folder: Path, *chain: FilterSettings) -> Outcome:
    """What `chain` makes of `subject`."""
    return await run_chain(chain, subject, workspace=folder, on_progress=lambda _: None)


async def verdict_of(subject: Subject, folder: Path, one: FilterSettings) -> Verdict:
    """What `one` filter makes of `subject`."""
    [verdict] = (await outcome_of(subject, folder, one)).verdicts
    return verdict
