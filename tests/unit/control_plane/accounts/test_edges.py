"""Until when the tokens of edges are valid that the settings do not name."""

import math
from collections.abc import Mapping, Sequence

import pytest

from common.errors import Unavailable
from control_plane.accounts.edges import AccountEdges


class Tokens:
    """Answers like a database."""

    def __init__(self) -> None:
        self.until: dict[str, float] = {}
        self.away = False
        self.asked: list[Sequence[str]] = []

    async def ask(self, names: Sequence[str]) -> Mapping[str, float]:
        if self.away:
            raise Unavailable(what="it", reason="away")
        self.asked.append(names)
        return self.until


async def test_what_the_settings_say_of_an_edge_is_not_asked_about() -> None:
    tokens = Tokens()
    edges = AccountEdges(lambda name: 5.0 if name == "eu-1" else None, tokens.ask)

    assert edges.valid_until("eu-1") == 5.0
    await edges.refresh()
    assert tokens.asked == []


async def test_an_edge_is_believed_until_the_database_has_told() -> None:
    tokens = Tokens()
    edges = AccountEdges(lambda _: None, tokens.ask)

    tokens.away = True
    assert edges.valid_until("eu-1") == math.inf
    with pytest.raises(Unavailable):
        await edges.refresh()
    assert edges.valid_until("eu-1") == math.inf
    tokens.away = False
    await edges.refresh()
    assert edges.valid_until("eu-1") is None
    tokens.until = {"eu-1": 7.0}
    await edges.refresh()
    assert edges.valid_until("eu-1") == 7.0
