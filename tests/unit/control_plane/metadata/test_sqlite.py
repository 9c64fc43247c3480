"""Searches on SQLite, of which few run at a time."""

from pathlib import Path

import pytest

from common.errors import Unavailable
from control_plane.metadata.sqlite import SqliteMetadata
from control_plane.metadata.words import query_of


async def test_who_searches_while_too_many_do_is_told_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("control_plane.metadata.sqlite._SEARCHED_WITHIN", 0.01)
    store = await SqliteMetadata.open(tmp_path / "control.sqlite")
    busy = [await store._idle.get() for _ in store._searched]
    with pytest.raises(Unavailable, match="too many look for something"):
        await store.search(query_of("word"), None, 1)

    monkeypatch.setattr("control_plane.metadata.sqlite._SEARCHED_WITHIN", 30.0)
    store._idle.put_nowait(busy.pop())
    for _ in range(2):
        assert (await store.search(query_of("word"), None, 1)).asset_ids == ()
    await store.close()
