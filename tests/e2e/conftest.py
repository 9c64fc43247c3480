"""One running system for all end-to-end tests that leave it as they found it."""

from collections.abc import Iterator

import pytest
from playwright.async_api import expect

from tests.e2e.system import System, running

# Pages are looked at while the other half of the tests wants the same two cores.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """``nearcast up`` with its sample clip, filled and ready."""
    with running(tmp_path_factory.mktemp("e2e") / "home") as started:
        yield started
