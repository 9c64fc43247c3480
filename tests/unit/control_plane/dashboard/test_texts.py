"""Numbers in the words of the pages."""

import pytest

from common.messages import Evidence
from control_plane.dashboard.texts import (
    readable_duration,
    readable_passage,
    readable_size,
    readable_speed,
)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (123_456, "123 kB"),
        (12_345_678, "12.3 MB"),
        (5_000_000_000, "5.0 GB"),
        (5e15, "5000 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    assert readable_size(count).replace("\N{NO-BREAK SPACE}", " ") == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599, "59:59"), (7325, "2:02:05")],
)
def test_durations(seconds: float, text: str) -> None:
    assert readable_duration(seconds) == text


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (None, None, ""),
        (0.0, None, "0:00.0"),
        (2.04, 5.5, "0:02.0–0:05.5"),
        (59.96, 61.0, "1:00.0–1:01.0"),
        (3725.25, 3725.25, "1:02:05.2"),
    ],
)
def test_passages(start: float | None, end: float | None, text: str) -> None:
    assert readable_passage(Evidence("It is seen.", start, end)) == text


@pytest.mark.parametrize(("times", "text"), [(12.34, "12.3"), (1, "1.0"), (0.0456, "0.046")])
def test_speeds(times: float, text: str) -> None:
    assert readable_speed(times) == text
