"""Packages that tests of the checker share."""

from pathlib import Path

import pytest

from tests.integration import hls_package
from tests.integration.hls_package import copy


@pytest.fixture(scope="session")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return hls_package.make(tmp_path_factory.mktemp("hls") / "good")


@pytest.fixture
def broken(good: Path, tmp_path: Path) -> Path:
    return copy(good, tmp_path / "broken")
