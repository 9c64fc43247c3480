"""A small storm over ingest; `make storm` runs the large one."""

from pathlib import Path

from tests.faults.ingest_storm import storm


def test_jobs_end_right_while_workers_are_killed_and_servers_go_away(
    tmp_path: Path,
) -> None:
    report = storm(tmp_path, jobs=12, workers=2, every=2.0, away=7.0)

    assert report.wrong == []
    assert report.states == {"done": 12}
    assert len(report.announced) == 12
    assert report.kills >= 2
