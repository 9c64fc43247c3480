"""What is copied next."""

from hypothesis import given
from hypothesis import strategies as st

from origin.replicas.backlog import FIRST_PAUSE, LONGEST_PAUSE, Backlog
from origin.replicas.layout import VersionName


def name(version: str, asset: str = "a") -> VersionName:
    return VersionName(asset, version)


def taken(backlog: Backlog, now: float = 0.0) -> list[str]:
    """The versions that are due, in their order."""
    found = []
    while (one := backlog.take(now)) is not None:
        found.append(one.version)
    return found


def test_the_newest_is_copied_first() -> None:
    backlog = Backlog()
    for version in ("2", "1", "3"):
        backlog.put(name(version), 0)

    assert taken(backlog) == ["3", "2", "1"]


def test_what_a_reader_waits_for_goes_before_the_newest() -> None:
    backlog = Backlog()
    for version in ("1", "2", "3"):
        backlog.put(name(version), 0)
    backlog.put(name("1"), 0, asked=True)
    backlog.put(name("0"), 0, asked=True)

    assert taken(backlog) == ["1", "0", "3", "2"]


def test_what_is_known_is_no_news() -> None:
    backlog = Backlog()

    assert backlog.put(name("1"), 0)
    assert not backlog.put(name("1"), 0)
    assert len(backlog) == 1


def test_what_is_being_copied_is_not_taken_twice() -> None:
    backlog = Backlog()
    backlog.put(name("1"), 0)
    backlog.take(0)
    backlog.put(name("1"), 0, asked=True)

    assert backlog.take(0) is None
    backlog.done(name("1"))
    assert backlog.put(name("1"), 0)


def test_what_fails_waits_longer_each_time() -> None:
    backlog = Backlog()
    backlog.put(name("1"), 0)
    now, pauses = 0.0, []
    for _ in range(12):
        backlog.take(now)
        backlog.failed(name("1"), now)
        assert backlog.take(now) is None
        pause = backlog.wait(now)
        assert pause is not None
        pauses.append(pause)
        now += pause
    assert pauses[0] == FIRST_PAUSE
    assert pauses == sorted(pauses)
    assert pauses[-1] == LONGEST_PAUSE


def test_a_failure_does_not_hold_up_the_others() -> None:
    backlog = Backlog()
    backlog.put(name("2"), 0)
    backlog.put(name("1"), 0)
    backlog.take(0)
    backlog.failed(name("2"), 0)

    assert taken(backlog) == ["1"]


def test_the_lag_is_that_of_what_is_known_for_longest() -> None:
    backlog = Backlog()
    assert backlog.oldest(5) == 0
    backlog.put(name("1"), 10)
    backlog.put(name("2"), 20)
    backlog.put(name("1"), 30)

    assert backlog.oldest(40) == 30


def test_what_does_not_fit_is_forgotten_oldest_first() -> None:
    backlog = Backlog(most=3)
    news = [backlog.put(name(version), 0) for version in ("2", "5", "3", "4", "1")]

    assert news == [True, True, True, True, False]
    assert backlog.overflowed
    assert taken(backlog) == ["5", "4", "3"]


def test_what_fails_does_not_fill_the_memory() -> None:
    backlog = Backlog(most=3)
    for version in "123456":
        backlog.put(name(version), 0)
        backlog.take(0)
        backlog.failed(name(version), 0)

    assert len(backlog) == 3
    assert backlog.overflowed


def test_nothing_is_due_when_there_is_nothing() -> None:
    assert Backlog().wait(0) is None


@given(
    st.lists(
        st.tuples(st.sampled_from("pptdf"), st.sampled_from("12345"), st.booleans()), max_size=60
    )
)
def test_whatever_happens_each_is_there_once(steps: list[tuple[str, str, bool]]) -> None:
    backlog, held = Backlog(most=3), []
    for now, (step, version, asked) in enumerate(steps):
        if step == "p":
            backlog.put(name(version), now, asked=asked)
        elif step == "t" and (one := backlog.take(now)) is not None:
            assert one not in held
            held.append(one)
        elif held and step == "d":
            backlog.done(held.pop())
        elif held and step == "f":
            backlog.failed(held.pop(), now)
        assert len(backlog) <= 6 + len(held)
    for one in held:
        backlog.done(one)
    while (one := backlog.take(1e9)) is not None:
        backlog.done(one)
    assert len(backlog) == 0
