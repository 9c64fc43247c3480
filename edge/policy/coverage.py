"""Which bytes of a representation are held, and which to ask for (RFC 9110 §14, RFC 9111 §3.4)."""

from collections.abc import Iterable

from common.http import parse_range

Span = tuple[int, int]
"""The bytes from the first number up to, and without, the second."""

ALIGNMENT = 1024 * 1024
"""Bytes: a range that is missing is asked for in whole multiples of this, so that the ranges of
many viewers fall together instead of splitting an object into crumbs."""


def add_span(held: Iterable[Span], added: Span) -> tuple[Span, ...]:
    """``held`` and ``added`` as spans in order, none touching another."""
    merged: list[Span] = []
    for start, stop in sorted((*held, added)):
        if start >= stop:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return tuple(merged)


def gaps(held: Iterable[Span], wanted: Span) -> list[Span]:
    """The spans of ``wanted`` that are not in ``held``, whose spans are in order and apart."""
    missing: list[Span] = []
    position, end = wanted
    for start, stop in held:
        if stop <= position:
            continue
        if start >= end:
            break
        if start > position:
            missing.append((position, start))
        position = max(position, stop)
    if position < end:
        missing.append((position, end))
    return missing


def within(held: Iterable[Span], start: int) -> int:
    """Up to where the bytes from ``start`` on are held without a gap; ``start`` when none are."""
    return next((stop for left, stop in held if left <= start < stop), start)


def aligned(span: Span, size: int | None) -> Span:
    """``span``, grown to whole multiples of the alignment, though not past ``size``."""
    start = span[0] - span[0] % ALIGNMENT
    stop = -(-span[1] // ALIGNMENT) * ALIGNMENT
    return start, stop if size is None else min(stop, size)


def to_ask(held: tuple[Span, ...], wanted: Span, size: int) -> Span | None:
    """The first span to ask for, of a representation of ``size``; None when all is held.

    It begins at a byte that is missing and ends where the alignment does, or the gap.
    """
    missing = gaps(held, wanted)
    if not missing:
        return None
    grown = aligned((missing[0][0], missing[-1][1]), size)
    around = gaps(held, grown)
    return next(span for span in around if span[0] <= missing[0][0] < span[1])


def range_field(span: Span, size: int | None) -> str:
    """The Range field that asks for ``span``; open at its end when that is the representation's."""
    start, stop = span
    return f"bytes={start}-" if stop == size else f"bytes={start}-{stop - 1}"


def range_to_ask(field: str | None) -> tuple[str | None, int | None]:
    """What to ask for when nothing is held and a viewer wants a range.

    Args:
        field: the viewer's Range field.

    Returns:
        The Range field to send, None for the whole, grown to the alignment where it has two ends;
        and the first byte that the viewer wants, None for a suffix or the whole.
    """
    specs = parse_range(field) if field is not None else None
    if specs is None or len(specs) != 1:
        return None, None
    first, last = specs[0].first, specs[0].last
    if first is None:
        return f"bytes=-{last}", None
    start, stop = aligned((first, first + 1 if last is None else last + 1), None)
    if last is not None:
        return f"bytes={start}-{stop - 1}", first
    # Open at its end: from 0 on that is the whole, which needs no Range.
    return (None, None) if start == 0 else (f"bytes={start}-", first)
