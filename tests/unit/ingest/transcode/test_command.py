"""Commands, and how far they bring their task."""

from pathlib import Path

import pytest

from ingest.transcode.command import Command


def command(until: float) -> Command:
    return Command((), Path(), (), seconds=1.0, until=until)


def test_a_command_that_is_all_of_its_task_is_as_far_as_its_task() -> None:
    assert command(1.0).reached(0.0, 0.25) == 0.25


def test_several_commands_share_their_task() -> None:
    assert command(0.4).reached(0.0, 0.5) == pytest.approx(0.2)
    assert command(1.0).reached(0.4, 0.0) == pytest.approx(0.4)
    assert command(1.0).reached(0.4, 0.5) == pytest.approx(0.7)


def test_a_command_that_is_tried_again_takes_nothing_back() -> None:
    assert command(0.2).reached(0.2, 0.0) == pytest.approx(0.2)
    assert command(0.2).reached(0.3, 1.0) == pytest.approx(0.3)
