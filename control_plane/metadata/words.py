"""Text to words, in which case and diacritics do not count, whatever the database. Pure.

Both databases get the same folded words, so that the same is found in both; and what a user types
comes to them as words only, never as their own query language.
"""

import unicodedata
from collections.abc import Iterable
from typing import Final

from common.errors import NearcastError
from control_plane.metadata.records import Query

LONGEST_QUERY: Final = 200
"""Characters."""
MOST_WORDS: Final = 10
LONGEST_WORD: Final = 64
"""Characters of a word that count."""
SHORTEST_PREFIX: Final = 2
"""Characters; a single one begins too much."""


class QueryTooLong(NearcastError):
    """A search takes no more than {characters} characters and {words} words."""

    status = 400


class QueryEmpty(NearcastError):
    """There is no word in the search: it needs a letter or a digit."""

    status = 400


class _Folding(dict[int, str]):
    """For ``str.translate``: marks go, and what is in no word becomes a space."""

    def __missing__(self, point: int) -> str:
        character = chr(point)
        kind = unicodedata.category(character)[0]
        kept = "" if unicodedata.combining(character) else character
        self[point] = kept if kind in "LNM" else " "
        return self[point]


_FOLDING: Final = _Folding()


def words_of(text: str) -> list[str]:
    """The words of ``text`` in their order, folded: ``"Ünder_Straße 7"`` has ``under``,
    ``strasse`` and ``7``."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return [word[:LONGEST_WORD] for word in folded.translate(_FOLDING).split()]


def unique_words(*texts: str) -> list[str]:
    """The words of ``texts``, each once, in the order in which they come first."""
    return list(dict.fromkeys(word for text in texts for word in words_of(text)))


def folded_tag(tag: str) -> str:
    """A tag as it is compared with others: those that differ in case, diacritics or punctuation
    only are the same. One of punctuation alone is compared as it is."""
    return " ".join(words_of(tag)) or tag


def keys_of(tags: Iterable[str]) -> list[str]:
    """``tags`` as the databases keep them, each a single word to whatever reads words."""
    return list(dict.fromkeys(key_of(folded_tag(tag)) for tag in tags))


def key_of(text: str) -> str:
    """Any text as one word of letters and digits."""
    return "x" + text.encode().hex()


def query_of(text: str, tag: str | None = None, creator: str | None = None) -> Query:
    """What a user looks for. The last word may be the beginning of one, unless a space ends it.

    Raises:
        QueryTooLong: it is longer than anybody types.
        QueryEmpty: there is nothing to look for in it.
    """
    words = words_of(text) if len(text) <= LONGEST_QUERY else []
    if len(text) > LONGEST_QUERY or len(words) > MOST_WORDS:
        raise QueryTooLong(characters=LONGEST_QUERY, words=MOST_WORDS)
    if text and not words:
        raise QueryEmpty
    folded = folded_tag(tag) if tag is not None else None
    prefix = None
    if words and len(words[-1]) >= SHORTEST_PREFIX and words_of(text[-1]):
        prefix = words.pop()
    return Query(tuple(dict.fromkeys(words)), prefix, folded, creator)
