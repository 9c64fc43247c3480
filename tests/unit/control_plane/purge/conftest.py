"""Desks of purges, and their log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from common.service import DatabaseSettings
from control_plane.purge import desk, open_purge_log
from tests.unit.control_plane.purge.desks import Log, Told


@pytest.fixture(autouse=True)
def looking_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "EDGES_KNOWN_FOR", 0.0)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[Log]:
    opened = await Log.open(tmp_path / "control.sqlite")
    assert isinstance(opened, Log)
    yield opened
    await opened.close()


@pytest.fixture
async def told(log: Log) -> Told:
    made = Told(log)
    await made.desk.refresh()
    return made


@pytest.fixture
async def other(tmp_path: Path, log: Log) -> AsyncIterator[Told]:
    """Another control plane on the same log."""
    second = await open_purge_log(DatabaseSettings(sqlite=tmp_path / "control.sqlite"))
    made = Told(second)
    await made.desk.refresh()
    yield made
    await second.close()
