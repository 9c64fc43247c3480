"""What a rule is, what it finds, and what is told of all rules together."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Final

import msgspec

from ingest.check.errors import PackageBroken
from ingest.check.model import Package

MOST_CHARACTERS: Final = 500
"""Of a sentence, which may quote what a hostile playlist holds."""

MOST_FINDINGS: Final = 20
"""Of one rule; a package that is wrong everywhere is not worth a line for every segment."""


class Severity(StrEnum):
    """How binding a clause is (RFC 2119)."""

    MUST = "must"
    SHOULD = "should"


class Finding(msgspec.Struct, frozen=True):
    """One place where a rule is broken."""

    rule: str
    clause: str
    severity: Severity
    sentence: str


class Report(msgspec.Struct, frozen=True):
    """What all rules found."""

    rules: int
    """How many were checked."""
    findings: tuple[Finding, ...]
    """What must be comes before what should be."""

    def broken(self, severity: Severity) -> frozenset[str]:
        """The ids of the broken rules of that severity."""
        return frozenset(one.rule for one in self.findings if one.severity is severity)

    def require(self) -> None:
        """Do nothing when every rule that must be kept is.

        Raises:
            PackageBroken: one is not.
        """
        broken = [one for one in self.findings if one.severity is Severity.MUST]
        if broken:
            raise PackageBroken(
                count=len({one.rule for one in broken}),
                sentence=f"{broken[0].sentence} ({broken[0].clause})",
            )


Find = Callable[[Package], Iterable[str]]
"""The sentences of what is wrong, one for each place."""


@dataclass(frozen=True)
class Rule:
    """One demand on a package."""

    id: str
    """Stable: people write it down."""
    clause: str
    """Where the demand comes from."""
    severity: Severity
    demand: str
    """What is asked for, in one sentence."""
    find: Find

    def findings(self, package: Package) -> Iterator[Finding]:
        """What is wrong with ``package``, no more than `MOST_FINDINGS` sentences and one."""
        # Two members of groups, or a file that is listed twice, can be called the same.
        sentences = iter(dict.fromkeys(self.find(package)))
        for sentence in islice(sentences, MOST_FINDINGS):
            yield self._finding(sentence)
        more = sum(1 for _ in sentences)
        if more:
            yield self._finding(f"{more} more of these are not listed.")

    def _finding(self, sentence: str) -> Finding:
        return Finding(self.id, self.clause, self.severity, printable(sentence))


def printable(text: str) -> str:
    """``text`` as a terminal may show it: nothing in it moves the cursor or turns letters round."""
    shown = "".join(sign if sign.isprintable() else "\ufffd" for sign in text[:MOST_CHARACTERS])
    return shown if len(text) <= MOST_CHARACTERS else f"{shown}…"


def rule(identifier: str, clause: str, severity: Severity) -> Callable[[Find], Rule]:
    """Make a rule of a function whose docstring is what it demands."""

    def make(find: Find) -> Rule:
        demand = " ".join((find.__doc__ or "").split())
        return Rule(identifier, clause, severity, demand, find)

    return make


def report_of(rules: Sequence[Rule], package: Package) -> Report:
    """What ``rules`` find in ``package``."""
    found = [finding for one in rules for finding in one.findings(package)]
    found.sort(key=lambda finding: finding.severity is not Severity.MUST)
    return Report(rules=len(rules), findings=tuple(found))
