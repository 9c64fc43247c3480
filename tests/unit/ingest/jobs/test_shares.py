"""Who comes first among those who wait."""

from collections.abc import Sequence

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from ingest.jobs import shares
from ingest.jobs.model import Task, TaskKind
from tests.unit.ingest.jobs.records import NOW, a_task


def encodes(count: int, seconds: float = 30.0) -> list[Task]:
    return [
        msgspec.structs.replace(a_task(name=f"c{number:04d}"), seconds=seconds)
        for number in range(count)
    ]


def test_tasks_stand_in_a_row_each_after_what_the_one_before_costs() -> None:
    row = shares.placed(encodes(3), 100.0)
    assert [task.share for task in row] == [100.0, 130.0, 160.0]
    assert shares.length(encodes(3)) == 90.0


def test_even_a_task_without_a_length_moves_the_clock() -> None:
    poster = msgspec.structs.replace(a_task(TaskKind.PICTURES, "pictures"), seconds=0.0)
    assert shares.length([poster]) == shares.LEAST


def test_a_film_that_waited_too_long_is_overdue_and_a_short_never() -> None:
    film = msgspec.structs.replace(a_task(), priority=shares.FILMS)
    late = NOW + shares.FILMS_WAIT_AT_MOST
    assert shares.overdue(film, late)
    assert not shares.overdue(film, late - 1)
    assert not shares.overdue(a_task(), late)


class Line:
    """The clocks and the line, as the databases keep them."""

    def __init__(self) -> None:
        self.clocks: dict[str, float] = {}
        self.waiting: list[tuple[float, str, float]] = []

    def add(self, owner: str, tasks: Sequence[Task]) -> None:
        first = min((share for share, _, _ in self.waiting), default=None)
        start = first if first is not None else max(self.clocks.values(), default=0.0)
        start = max(start, self.clocks.get(owner, 0.0))
        self.clocks[owner] = start + shares.length(tasks)
        for task in shares.placed(tasks, start):
            self.waiting.append((task.share, owner, shares.cost(task)))

    def take(self) -> tuple[str, float]:
        self.waiting.sort()
        _, owner, cost = self.waiting.pop(0)
        return owner, cost


def test_who_comes_late_with_little_does_not_wait_behind_who_came_first_with_much() -> None:
    line = Line()
    line.add("studio", encodes(1000))
    for _ in range(5):
        line.take()
    line.add("creator", encodes(1))
    assert [line.take()[0] for _ in range(2)].count("creator") == 1


def test_nobody_saves_up_by_waiting() -> None:
    line = Line()
    line.add("creator", encodes(1))
    line.add("studio", encodes(500))
    for _ in range(400):
        line.take()
    line.add("creator", encodes(10))
    taken = [line.take()[0] for _ in range(20)]
    assert 9 <= taken.count("creator") <= 11


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 20)), min_size=3, max_size=30))
def test_all_who_wait_get_about_the_same(sent: list[tuple[str, int]]) -> None:
    line = Line()
    for owner, count in sent:
        line.add(owner, encodes(count))
    done = dict.fromkeys({owner for owner, _ in sent}, 0.0)
    while line.waiting and {owner for _, owner, _ in line.waiting} == set(done):
        owner, cost = line.take()
        done[owner] += cost
    # One task of each may be under way (theorem 1 of the paper).
    assert max(done.values()) - min(done.values()) <= 2 * 30.0
