"""A window on bytes that are too many to be kept."""

import pytest

from edge.fetch.errors import UpstreamBroke
from edge.fetch.spill import WINDOW, Spill


def test_readers_get_what_was_taken() -> None:
    spill = Spill(100)
    spill.take(b"abcdef", 100)

    assert spill.read(102, 3) == b"cde"
    assert spill.read(106, 3) == b""


def test_what_every_reader_has_passed_makes_room() -> None:
    spill = Spill(0)
    assert spill.take(b"x" * WINDOW, 0)
    assert not spill.take(b"y", 0)
    assert spill.take(b"y", 1)

    assert spill.read(WINDOW, 5) == b"y"


def test_a_slow_reader_is_waited_for() -> None:
    spill = Spill(1000)
    spill.take(b"x" * WINDOW, 10)

    assert not spill.take(b"y", 10)


def test_a_piece_larger_than_the_window_is_taken_when_nothing_else_waits() -> None:
    assert Spill(0).take(b"x" * (WINDOW + 1), 0)


def test_a_reader_who_comes_too_late_is_told() -> None:
    spill = Spill(0)
    spill.take(b"x" * 10, 0)
    spill.take(b"y", 10)

    with pytest.raises(UpstreamBroke):
        spill.read(0, 1)
