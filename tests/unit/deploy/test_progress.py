"""Progress where there is no terminal: plain lines, not too many, and always the last one."""

import pytest

from deploy.progress import ProgressDisplay, pace


def test_the_end_of_the_work_is_told() -> None:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        display.show("Encode", 10)
        display.show("Encode", 20)
        display.show("Encode", 100, "done")

    assert lines == ["Encode: 10%", "Encode: 100% (done)"]


def test_what_is_nearly_whole_is_not_told_to_be_whole() -> None:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        display.show("Encode", 99.9)
        display.show("Encode", 100.0)

    assert lines == ["Encode: 99%", "Encode: 100%"]


def test_the_end_is_told_once() -> None:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        display.show("Encode", 100)
        display.show("Encode", 100)

    assert lines == ["Encode: 100%"]


def test_each_piece_of_work_has_its_own_lines() -> None:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        display.show("Fill eu", 50)
        display.show("Fill us", 60)

    assert lines == ["Fill eu: 50%", "Fill us: 60%"]


def test_sentences_are_lines() -> None:
    lines: list[str] = []
    with ProgressDisplay(lines.append) as display:
        display.say("Uploaded.")

    assert lines == ["Uploaded."]


@pytest.mark.parametrize(
    ("speed", "seconds_left", "told"),
    [
        (2.345, 12.4, "2.3x, 12 s left"),
        (0.0456, None, "0.046x"),
        (None, 3.0, "3 s left"),
        (None, None, ""),
    ],
)
def test_the_pace_is_told_as_far_as_it_is_known(
    speed: float | None, seconds_left: float | None, told: str
) -> None:
    assert pace(speed, seconds_left) == told
