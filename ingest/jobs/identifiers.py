"""Names for jobs, assets and versions: sorted by the time they were made, and not to be guessed."""

from typing import Final

ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Base 32 without i, l, o and u, in the order of ASCII, so that text sorts as the number does."""

LENGTH: Final = 26
"""Characters of an identifier: 130 bits, of which 48 are milliseconds and 80 are random."""

RANDOM_BYTES: Final = 10


def make_identifier(now: float, random: bytes) -> str:
    """An identifier made at ``now`` (POSIX seconds) out of 10 random bytes."""
    number = int(now * 1000) << 8 * RANDOM_BYTES | int.from_bytes(random[:RANDOM_BYTES])
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(LENGTH)))


def made_at(identifier: str) -> float | None:
    """When ``identifier`` was made, POSIX seconds; None when it is not one of ours."""
    if len(identifier) != LENGTH or not set(identifier) <= set(ALPHABET):
        return None
    number = 0
    for letter in identifier:
        number = number << 5 | ALPHABET.index(letter)
    return (number >> 8 * RANDOM_BYTES) / 1000
