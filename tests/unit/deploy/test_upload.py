"""What the command line says of an upload under way."""

import pytest

from deploy.upload import sent_note


@pytest.mark.parametrize(
    ("sent", "before", "seconds", "told"),
    [
        (0, 0, 9.0, "0.0 of 40.0 MB"),
        (10_000_000, 0, 1.9, "10.0 of 40.0 MB"),
        (10_000_000, 0, 4.0, "10.0 of 40.0 MB, 2.5 MB/s, 12 s left"),
        (10_000_000, 8_000_000, 4.0, "10.0 of 40.0 MB, 0.5 MB/s, 60 s left"),
        (40_000_000, 0, 4.0, "40.0 of 40.0 MB"),
    ],
)
def test_speed_and_time_left_are_told_once_they_are_known(
    sent: int, before: int, seconds: float, told: str
) -> None:
    assert sent_note(sent, 40_000_000, before=before, seconds=seconds) == told
