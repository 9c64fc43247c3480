"""Every test is run by ``make test`` or by ``make test-long``, once."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from tests.side_by_side import GROUPS, LONG_ONES, ROOT


def modules(patterns: Iterable[str]) -> set[Path]:
    """The modules of tests that are, or are below, what ``patterns`` name."""
    found = [path for pattern in patterns for path in ROOT.glob(pattern)]
    return {
        module
        for path in found
        for module in ([path] if path.is_file() else path.rglob("test_*.py"))
    }


def test_every_module_of_tests_is_in_one_group() -> None:
    times = Counter(
        module
        for group in (*GROUPS, *LONG_ONES)
        for module in modules(group.paths) - modules(group.but)
    )

    assert times == dict.fromkeys(modules(["tests"]), 1)


def test_what_is_named_is_there() -> None:
    for group in (*GROUPS, *LONG_ONES):
        for pattern in (*group.paths, *group.but):
            assert modules([pattern]), pattern
