"""Reads of records in MaxMind's format what is asked for, and passes over the rest (MaxMind DB File
Format Specification 2.0, "Output Data Section").

The library's decoder reads all of a record, such as names in eight languages: most of what the
first look-up of a place costs.
"""

import struct
from collections.abc import Collection
from typing import Any, Final

AT_MOST: Final = 1 << 17
"""Values in a record, and bytes of its texts; real ones have a few hundred."""
_KEYS: Final = 4096
"""Pointers to keys that are remembered."""

_EXTENDED: Final = 0
_POINTER: Final = 1
_TEXT: Final = 2
_DOUBLE: Final = 3
_MAP: Final = 7
_INTEGER: Final = 8
_ARRAY: Final = 11
_BOOLEAN: Final = 14
_FLOAT: Final = 15
_WHOLE: Final = {5, 6, _INTEGER, 9, 10}
_EXTENDED_KINDS: Final = {_MAP, _INTEGER, 9, 10, _ARRAY, _BOOLEAN, _FLOAT}
_FAR: Final = (0, 2048, 526336, 0)
"""What is added to a pointer, by its length."""
_FLOATS: Final = {_DOUBLE: struct.Struct(">d").unpack, _FLOAT: struct.Struct(">f").unpack}
_LONG: Final = 29
"""From this on, a size is told by the bytes behind it."""
_UNWANTED: Final = ""
"""The key of whatever is passed over."""


class DataSection:
    """The records of one database."""

    def __init__(self, section: bytes, wanted: Collection[str]) -> None:
        """Takes the bytes behind the separator, and the keys of maps whose values are read."""
        self._section = section
        self._wanted = frozenset(wanted) - {_UNWANTED}
        self._keys: dict[bytes, str] = {}

    def read(self, begin: int) -> Any:
        """The value that begins at a byte: of maps, what is wanted; None in place of what is no
        map, text or number.

        Raises:
            ValueError, LookupError, struct.error, RecursionError: it is damaged, or there is too
                much of it.
        """
        return self._value(begin, [AT_MOST])[0]

    def _value(self, at: int, left: list[int]) -> tuple[Any, int]:
        """A value, and where the next one begins; ``left`` is what may still be read."""
        control = self._section[at]
        if control >> 5 == _POINTER:
            target, end = self._pointer(at)
            if self._section[target] >> 5 == _POINTER:
                raise ValueError("a pointer leads to another")
            return self._value(target, left)[0], end
        kind, size, begin = control >> 5, control & 31, at + 1
        if size >= _LONG or kind == _EXTENDED:
            kind, size, begin = self._head(at)
        end = begin + size
        if kind == _TEXT:
            _spend(left, size)
            return self._section[begin:end].decode(), end
        if kind in _FLOATS:
            return _FLOATS[kind](self._section[begin:end])[0], end
        if kind == _MAP:
            return self._map(size, begin, left)
        if kind in _WHOLE:
            if size > 16:
                raise ValueError("a number has more than 16 bytes")
            # A negative one has all of its four bytes.
            signed = kind == _INTEGER and size == 4
            return int.from_bytes(self._section[begin:end], "big", signed=signed), end
        return None, self._behind(at, left)

    def _map(self, size: int, at: int, left: list[int]) -> tuple[dict[str, Any], int]:
        _spend(left, 2 * size)
        section, keys = self._section, self._keys
        found: dict[str, Any] = {}
        for _ in range(size):
            # Nearly all keys are pointers to few texts, and much of what is passed over is one.
            end = at + 2 + (section[at] >> 3 & 3)
            key = keys.get(section[at:end])
            if key is None:
                key, end = self._key(at, left)
            if key:
                found[key], at = self._value(end, left)
            elif section[end] >> 5 == _POINTER:
                at = end + 2 + (section[end] >> 3 & 3)
            else:
                at = self._behind(end, left)
        return found, at

    def _key(self, at: int, left: list[int]) -> tuple[str, int]:
        """A key, and where its value begins; ``_UNWANTED`` for every other."""
        value, end = self._value(at, left)
        if not isinstance(value, str):
            raise ValueError("the key of a map is no text")  # noqa: TRY004 - a file is wrong, not a type
        key = value if value in self._wanted else _UNWANTED
        if self._section[at] >> 5 == _POINTER and len(self._keys) < _KEYS:
            self._keys[self._section[at:end]] = key
        return key, end

    def _behind(self, at: int, left: list[int]) -> int:
        """Where a value ends that is passed over, whatever it contains."""
        values = 1
        while values:
            values -= 1
            control = self._section[at]
            if control >> 5 == _POINTER:
                at += 2 + (control >> 3 & 3)
                continue
            kind, size, at = self._head(at)
            if kind in (_MAP, _ARRAY):
                inside = 2 * size if kind == _MAP else size
                _spend(left, inside)
                values += inside
            elif kind != _BOOLEAN:
                at += size
        return at

    def _head(self, at: int) -> tuple[int, int, int]:
        """The kind of a value, its size, and where what it has begins."""
        control = self._section[at]
        kind, size, at = control >> 5, control & 31, at + 1
        if kind == _EXTENDED:
            kind, at = self._section[at] + 7, at + 1
            if kind not in _EXTENDED_KINDS:
                raise ValueError(f"there is no kind {kind} of values")
        if size >= _LONG:
            length = size - 28
            above = (29, 285, 65821)[length - 1]
            size = above + int.from_bytes(self._section[at : at + length], "big")
            at += length
        return kind, size, at

    def _pointer(self, at: int) -> tuple[int, int]:
        """Where a pointer leads, and where it ends."""
        control = self._section[at]
        length = control >> 3 & 3
        end = at + 2 + length
        target = int.from_bytes(self._section[at + 1 : end], "big")
        if length < 3:
            target |= (control & 7) << 8 * (length + 1)
        return target + _FAR[length], end


def _spend(left: list[int], much: int) -> None:
    left[0] -= much
    if left[0] < 0:
        raise ValueError("a record has too much in it")
