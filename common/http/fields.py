"""The fields of a message: looked up by name, kept as they came (RFC 9110 §5)."""

from collections.abc import Iterable, Iterator

Pairs = tuple[tuple[str, str], ...]
"""Names and values, one pair per line, in their order and as they were written."""


class Fields:
    """Immutable fields. Names are found in any case; each line keeps its own."""

    __slots__ = ("_lines", "pairs")

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        self.pairs: Pairs = tuple(pairs)
        self._lines: dict[str, list[str]] = {}
        for name, value in self.pairs:
            self._lines.setdefault(name.lower(), []).append(value)

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self.pairs)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._lines

    def __repr__(self) -> str:
        return f"Fields({self.pairs!r})"

    def lines(self, name: str) -> list[str]:
        """The values of all lines of ``name``, in their order; none when it is absent."""
        return self._lines.get(name.lower(), [])

    def get(self, name: str) -> str | None:
        """The combined value of ``name`` (§5.3); None when it is absent."""
        lines = self._lines.get(name.lower())
        return None if lines is None else ", ".join(lines) if len(lines) > 1 else lines[0]

    def lacks(self, names: frozenset[str]) -> bool:
        """Whether none of the lower-case ``names`` is there."""
        return names.isdisjoint(self._lines)

    def names(self) -> frozenset[str]:
        """The lower-case names that are there."""
        return frozenset(self._lines)

    def without(self, names: Iterable[str]) -> "Fields":
        """These fields, less every line of ``names``."""
        gone = {name.lower() for name in names}
        if gone.isdisjoint(self._lines):
            return self
        return Fields(pair for pair in self.pairs if pair[0].lower() not in gone)

    def with_replaced(self, *pairs: tuple[str, str]) -> "Fields":
        """These fields with ``pairs`` in place of every line of the same names."""
        return Fields((*self.without(name for name, _ in pairs).pairs, *pairs))


def split_list(value: str) -> list[str]:
    """The members of a comma-separated list (§5.6.1); commas within quotes do not separate."""
    members: list[str] = []
    start = 0
    quoted = escaped = False
    for position, character in enumerate(value):
        if escaped:
            escaped = False
        elif quoted and character == "\\":
            escaped = True
        elif character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            members.append(value[start:position])
            start = position + 1
    members.append(value[start:])
    return [stripped for member in members if (stripped := member.strip(" \t"))]
