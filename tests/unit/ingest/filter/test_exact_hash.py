"""Files that are known byte for byte."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ingest.filter import Decision, Subject
from tests.unit.ingest.filter.subjects import entry, verdict_of
from tests.unit.ingest.media import media_info

SUBJECT = Subject(
    "/nowhere", hashlib.sha256(b"x").hexdigest(), 1, media_info(), "A title", None, "someone"
)
OTHERS = "".join(f"{hashlib.sha256(bytes([n])).hexdigest()} number {n}\n" for n in range(50))


@pytest.mark.parametrize("options", [{}, {"decision": "block"}, {"decision": "review"}])
async def test_a_file_on_the_list_is_blocked_or_held(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"# files we know\n\n{OTHERS}{SUBJECT.sha256.upper()} the x\n{OTHERS}")

    verdict = await verdict_of(
        SUBJECT, tmp_path / "w", entry("exact-hash", list=str(listed), **options)
    )

    assert verdict.decision == Decision(options.get("decision", "block"))
    [evidence] = verdict.evidence
    assert evidence.reason == "is block list entry 'the x'"
    assert (evidence.start, evidence.end, evidence.score) == (None, None, None)


async def test_a_file_that_is_not_on_the_list_is_allowed(tmp_path: Path) -> None:
    # It differs from an entry in its last digit alone.
    other = SUBJECT.sha256[:-1] + ("0" if SUBJECT.sha256[-1] != "0" else "1")
    (tmp_path / "list").write_text(OTHERS + other)

    verdict = await verdict_of(
        SUBJECT, tmp_path / "w", entry("exact-hash", list=str(tmp_path / "list"))
    )

    assert (verdict.decision, verdict.evidence, verdict.failure) == (Decision.ALLOW, (), None)


async def test_a_list_is_read_anew_for_each_video(tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(OTHERS)
    chain = entry("exact-hash", list=str(listed))

    before = await verdict_of(SUBJECT, tmp_path / "w", chain)
    listed.write_text(OTHERS + SUBJECT.sha256)
    after = await verdict_of(SUBJECT, tmp_path / "w", chain)

    assert (before.decision, after.decision) == (Decision.ALLOW, Decision.BLOCK)


async def test_a_malformed_line_is_a_failure_even_where_the_file_is_listed_before(
    tmp_path: Path,
) -> None:
    (tmp_path / "list").write_text(f"{SUBJECT.sha256}\n{OTHERS}what is this?\n")

    verdict = await verdict_of(
        SUBJECT, tmp_path / "w", entry("exact-hash", list=str(tmp_path / "list"))
    )

    assert verdict.decision is Decision.REVIEW
    assert verdict.failure is not None
    assert "line 52 of the block list" in verdict.failure
    assert verdict.failure.endswith("is not 64 hexadecimal digits and perhaps a label.")
