"""Text to words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control_plane.metadata import Query
from control_plane.metadata.words import (
    LONGEST_QUERY,
    LONGEST_WORD,
    MOST_WORDS,
    QueryEmpty,
    QueryTooLong,
    folded_tag,
    key_of,
    query_of,
    unique_words,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("Ünder_Straße 7", ["under", "strasse", "7"]),
        ("don't STOP-me", ["don", "t", "stop", "me"]),
        ("ﬁlm ℌello ①", ["film", "hello", "1"]),
        ("İstanbul, IĞDIR", ["istanbul", "igdir"]),
        ("हिन्दी ภาษาไทย", ["हिनदी", "ภาษาไทย"]),
        ("a\0b\u2028c 👍", ["a", "b", "c"]),
        ("x" * 100, ["x" * LONGEST_WORD]),
    ],
)
def test_words_are_folded(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text())
def test_words_are_words_of_themselves_and_have_nothing_else(text: str) -> None:
    words = words_of(text)

    assert words_of(" ".join(words)) == words
    assert not any(set(word) & set("\"'*:(){}$^-+. \0") for word in words)


@given(st.text())
def test_case_does_not_count(text: str) -> None:
    assert words_of(text.casefold()) == words_of(text)


def test_each_word_is_there_once() -> None:
    assert unique_words("a b", "B c a") == ["a", "b", "c"]


def test_tags_that_differ_in_case_and_marks_only_are_the_same() -> None:
    assert folded_tag("Live-Müsic") == folded_tag("live music") != folded_tag("music live")
    assert folded_tag("++") == "++"
    assert key_of("live music").isalnum()


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", Query()),
        ("cat", Query((), "cat")),
        ("Cats  and cats dog", Query(("cats", "and"), "dog")),
        ("cat ", Query(("cat",))),
        ("the c", Query(("the", "c"))),
    ],
)
def test_the_last_word_may_be_a_beginning(text: str, query: Query) -> None:
    assert query_of(text) == query


def test_a_tag_and_a_creator_are_looked_for_too() -> None:
    assert query_of("", "Ünder", "C-1") == Query((), None, "under", "C-1")


@pytest.mark.parametrize("text", ["x" * (LONGEST_QUERY + 1), "x " * (MOST_WORDS + 1)])
def test_what_is_too_long_is_refused(text: str) -> None:
    with pytest.raises(QueryTooLong, match="200 characters and 10 words"):
        query_of(text)


@pytest.mark.parametrize("text", ['"*(', " ", "\0", "👍"])
def test_what_has_no_word_is_refused(text: str) -> None:
    with pytest.raises(QueryEmpty):
        query_of(text)
