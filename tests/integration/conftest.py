"""Fixtures that several tests of services share."""

from collections.abc import AsyncIterator

import pytest

from edge.fetch.pool import Pool
from tests.integration.upstream_service import HURRIED


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    pool = Pool(context=None)
    yield pool
    await pool.close()


@pytest.fixture
async def hurried() -> AsyncIterator[Pool]:
    pool = Pool(context=None, timeouts=HURRIED, per_endpoint=1)
    yield pool
    await pool.close()
