"""Plug-ins of somebody else, on the path."""

from pathlib import Path

import pytest

from tests.unit.ingest.filter.plugins import install


@pytest.fixture(scope="session")
def installed_plugins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package of plug-ins is installed."""
    return install(tmp_path_factory.mktemp("plugins"))


@pytest.fixture
def somebodys_plugins(installed_plugins: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package of plug-ins is there, for this test."""
    monkeypatch.syspath_prepend(str(installed_plugins))
