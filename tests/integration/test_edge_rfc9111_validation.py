"""RFC 9111 §4.3: how an edge validates what it has stored, and what a validation changes."""

import pytest

from tests.integration.proxy_service import (
    Got,
    Pairs,
    RawOrigin,
    Viewer,
    http_date,
    response,
)

STALE: Pairs = (("Cache-Control", "max-age=10"), ("Age", "60"))
"""Of a response that is stored, and validated when it is asked for next."""
FRESH = ("Cache-Control", "max-age=3600")
LONG_AGO = http_date(-86400)
MODIFIED = ("Last-Modified", LONG_AGO)


def not_modified(*fields: tuple[str, str]) -> bytes:
    return response(b"", *fields, status="304 Not Modified")


async def validated(
    viewer: Viewer,
    origin: RawOrigin,
    stored: Pairs,
    answer: bytes,
    *,
    asked: Pairs = (),
    method: str = "GET",
) -> Got:
    """The answer to a second request, which ``answer`` validates or replaces."""
    origin.answers(response(b"stored", *STALE, *stored), answer, response(b"asked again"))
    await viewer.get()
    return await viewer.get("/", *asked, method=method)


# §4.3.1: what a validation asks.


@pytest.mark.parametrize(
    "etag",
    ['"a"', 'W/"a"', '""', '"a,b"', '"a\\b"', '"!#$%&\'()*+-./:;<=>?@[]^_`{|}~"', '"caf\xe9"'],
)
async def test_rfc9111_4_3_1_the_stored_entity_tag_is_sent_as_it_came(
    viewer: Viewer, origin: RawOrigin, etag: str
) -> None:
    await validated(viewer, origin, (("ETag", etag),), not_modified(("ETag", etag)))

    assert origin.asked[1].get("if-none-match") == etag


@pytest.mark.parametrize(
    "date", [LONG_AGO, "Friday, 06-Nov-26 08:49:37 GMT", "Fri Nov  6 08:49:37 2026"]
)
async def test_rfc9111_4_3_1_the_stored_last_modified_is_sent_as_it_came(
    viewer: Viewer, origin: RawOrigin, date: str
) -> None:
    await validated(viewer, origin, (("Last-Modified", date),), not_modified())

    assert origin.asked[1].get("if-modified-since") == date


async def test_rfc9111_4_3_1_both_validators_are_sent(viewer: Viewer, origin: RawOrigin) -> None:
    await validated(viewer, origin, (("ETag", '"a"'), MODIFIED), not_modified())

    asked = origin.asked[1]
    assert (asked.get("if-none-match"), asked.get("if-modified-since")) == ('"a"', LONG_AGO)


async def test_rfc9111_4_3_1_nothing_is_sent_where_nothing_validates(
    viewer: Viewer, origin: RawOrigin
) -> None:
    fields = (("Cache-Control", "max-age=10, stale-if-error=9"), ("Age", "12"))
    origin.answers(response(b"stored", *fields), response(b"new"))
    await viewer.get()
    await viewer.get()

    conditions = {"if-none-match", "if-modified-since"}
    assert not conditions & {name.lower() for name, _ in origin.asked[1].fields}


@pytest.mark.parametrize(
    "condition",
    [
        ("If-None-Match", '"viewers"'),
        ("If-Modified-Since", http_date(-9)),
        ("If-Match", '"stored"'),
        ("If-Unmodified-Since", http_date(-9)),
        ("If-Range", '"viewers"'),
    ],
)
async def test_rfc9111_4_3_1_a_viewers_conditions_do_not_validate_what_the_edge_has(
    viewer: Viewer, origin: RawOrigin, condition: tuple[str, str]
) -> None:
    stored = (("ETag", '"stored"'),)
    await validated(viewer, origin, stored, not_modified(*stored), asked=(condition,))

    conditions = [pair for pair in origin.asked[1].fields if pair[0].lower().startswith("if-")]
    assert conditions == [("If-None-Match", '"stored"')]


# §4.3.3: what the answer to it means.


@pytest.mark.parametrize(
    "validator", [("ETag", '"a"'), ("ETag", 'W/"a"'), MODIFIED], ids=["strong", "weak", "date"]
)
async def test_rfc9111_4_3_3_a_304_makes_the_stored_response_the_answer(
    viewer: Viewer, origin: RawOrigin, validator: tuple[str, str]
) -> None:
    got = await validated(viewer, origin, (validator,), not_modified(validator))

    assert (got.status, got.body, got.cache[:25]) == (200, b"stored", "fwd=stale; fwd-status=304")


async def test_rfc9111_4_3_3_a_304_goes_to_no_viewer_who_set_no_condition(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await validated(viewer, origin, (("ETag", '"a"'),), not_modified())

    assert got.status == 200


async def test_rfc9111_4_3_3_a_full_response_is_the_answer(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await validated(viewer, origin, (("ETag", '"a"'),), response(b"new", FRESH))

    assert (got.status, got.body) == (200, b"new")


async def test_rfc9111_4_3_3_a_full_response_replaces_the_stored_one(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await validated(viewer, origin, (("ETag", '"a"'),), response(b"new", FRESH, ("X-Of", "new")))

    got = await viewer.get()
    assert (got.body, got.get("etag"), got.get("x-of"), got.cache[:4]) == (
        b"new",
        None,
        "new",
        "hit;",
    )


async def test_rfc9111_4_3_3_a_404_replaces_the_stored_response(
    viewer: Viewer, origin: RawOrigin
) -> None:
    gone = response(b"gone", FRESH, status="404 Not Found")
    await validated(viewer, origin, (("ETag", '"a"'),), gone)

    got = await viewer.get()
    assert (got.status, got.body, got.cache[:4]) == (404, b"gone", "hit;")


async def test_rfc9111_4_3_3_a_server_error_is_passed_on(viewer: Viewer, origin: RawOrigin) -> None:
    error = response(b"error", status="503 Service Unavailable")
    got = await validated(viewer, origin, (("ETag", '"a"'),), error)

    assert (got.status, got.body) == (503, b"error")


async def test_rfc9111_4_3_3_after_a_server_error_the_stored_response_is_still_validated(
    viewer: Viewer, origin: RawOrigin
) -> None:
    error = response(b"error", status="503 Service Unavailable")
    origin.answers(
        response(b"stored", *STALE, ("ETag", '"a"')), error, not_modified(("ETag", '"a"'), FRESH)
    )
    await viewer.get()
    await viewer.get()

    assert (await viewer.get()).body == b"stored"


# §4.3.4: freshening what is stored.


async def test_rfc9111_4_3_4_a_304_makes_the_stored_response_fresh(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await validated(viewer, origin, (("ETag", '"a"'),), not_modified(("ETag", '"a"'), FRESH))

    got = await viewer.get()
    assert (got.body, got.cache[:4], len(origin.asked)) == (b"stored", "hit;", 2)


async def test_rfc9111_4_3_4_a_304_without_directives_keeps_those_that_are_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await validated(viewer, origin, (("ETag", '"a"'),), not_modified(("ETag", '"a"')))

    got = await viewer.get()
    assert (got.cache[:4], got.get("cache-control")) == ("hit;", "max-age=10")


async def test_rfc9111_4_2_3_a_304_that_is_old_itself_makes_nothing_fresh(
    viewer: Viewer, origin: RawOrigin
) -> None:
    old = not_modified(("ETag", '"a"'), ("Age", "11"))
    await validated(viewer, origin, (("ETag", '"a"'),), old)

    assert (await viewer.get()).body == b"asked again"


async def test_rfc9111_4_2_3_the_age_of_a_304_is_the_age_of_the_answer(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await validated(
        viewer, origin, (("ETag", '"a"'),), not_modified(("ETag", '"a"'), FRESH, ("Age", "700"))
    )

    assert 700 <= int(got.get("age") or 0) < 760


async def test_rfc9111_3_2_a_304_that_says_no_store_has_nothing_reused(
    viewer: Viewer, origin: RawOrigin
) -> None:
    forbidden = not_modified(("ETag", '"a"'), ("Cache-Control", "no-store"))
    await validated(viewer, origin, (("ETag", '"a"'),), forbidden)

    assert (await viewer.get()).body == b"asked again"


@pytest.mark.parametrize(
    ("stored", "updated", "value"),
    [
        (("X-Test", "old"), ("X-Test", "new"), "new"),
        (("X-Test", "old"), ("x-tEST", "new"), "new"),
        (("X-Test", "old"), ("X-Other", "new"), "old"),
        (("X-Other", "old"), ("X-Test", "new"), "new"),
        (("Date", http_date(-500)), ("Date", http_date(-5)), None),
        (("Expires", http_date(-500)), ("Expires", http_date(86400)), None),
        (("Last-Modified", http_date(-500)), ("Last-Modified", http_date(-400)), None),
        (("Content-Type", "text/plain"), ("Content-Type", "text/html"), "text/html"),
        (("Content-Language", "en"), ("Content-Language", "fr"), "fr"),
        (("Set-Cookie", "a=1"), ("Set-Cookie", "a=2"), "a=2"),
        (("Content-Encoding", "x-odd"), ("Content-Encoding", "x-new"), "x-odd"),
        (("Content-Security-Policy", "a"), ("Content-Security-Policy", "b"), "b"),
    ],
)
async def test_rfc9111_3_2_fields_of_a_304_take_the_place_of_those_that_are_stored(
    viewer: Viewer,
    origin: RawOrigin,
    stored: tuple[str, str],
    updated: tuple[str, str],
    value: str | None,
) -> None:
    etag = ("ETag", '"a"')
    await validated(viewer, origin, (etag, stored), not_modified(etag, FRESH, updated))

    name = stored[0] if value == "old" else updated[0]
    assert (await viewer.get()).get(name) == (updated[1] if value is None else value)


async def test_rfc9111_3_2_all_stored_lines_of_a_name_give_way_to_those_of_a_304(
    viewer: Viewer, origin: RawOrigin
) -> None:
    stored = (("ETag", '"a"'), ("Link", "</1>"), ("Link", "</2>"))
    await validated(viewer, origin, stored, not_modified(("ETag", '"a"'), FRESH, ("Link", "</3>")))

    assert (await viewer.get()).get("link") == "</3>"


async def test_rfc9111_3_2_the_length_in_a_304_changes_nothing(
    viewer: Viewer, origin: RawOrigin
) -> None:
    wrong = not_modified(("ETag", '"a"'), FRESH, ("Content-Length", "3"))
    await validated(viewer, origin, (("ETag", '"a"'),), wrong)

    got = await viewer.get()
    assert (got.get("content-length"), got.body) == ("6", b"stored")


@pytest.mark.parametrize(
    ("stored", "told"),
    [
        (("ETag", '"a"'), ("ETag", '"b"')),
        (("ETag", 'W/"a"'), ("ETag", 'W/"b"')),
        (("ETag", 'W/"a"'), ("ETag", '"a"')),
        (MODIFIED, ("Last-Modified", http_date(-9))),
        (MODIFIED, ("ETag", '"a"')),
    ],
)
async def test_rfc9111_4_3_4_a_304_about_another_representation_is_not_believed(
    viewer: Viewer, origin: RawOrigin, stored: tuple[str, str], told: tuple[str, str]
) -> None:
    got = await validated(viewer, origin, (stored,), not_modified(told, FRESH))

    assert got.body == b"asked again"


async def test_rfc9111_4_3_4_a_weak_tag_in_a_304_names_the_stored_strong_one(
    viewer: Viewer, origin: RawOrigin
) -> None:
    got = await validated(viewer, origin, (("ETag", '"a"'),), not_modified(("ETag", 'W/"a"')))

    assert got.body == b"stored"


# §4.3.5: freshening with HEAD.


async def test_rfc9111_4_3_5_a_head_that_matches_freshens_the_stored_response(
    viewer: Viewer, origin: RawOrigin
) -> None:
    told = response(b"", ("ETag", '"a"'), FRESH, ("X-New", "yes"), ("Content-Length", "6"))
    await validated(viewer, origin, (("ETag", '"a"'),), told, method="HEAD")

    got = await viewer.get()
    assert (got.body, got.get("x-new"), got.cache[:4]) == (b"stored", "yes", "hit;")


@pytest.mark.parametrize(
    "told",
    [
        (("ETag", '"b"'), ("Content-Length", "6")),
        (("ETag", '"a"'), ("Content-Length", "7")),
        (("ETag", '"a"'), ("Last-Modified", http_date(-5)), ("Content-Length", "6")),
    ],
    ids=["another tag", "another length", "another date"],
)
async def test_rfc9111_4_3_5_a_head_that_does_not_match_has_the_stored_response_asked_for_again(
    viewer: Viewer, origin: RawOrigin, told: Pairs
) -> None:
    stored = (("ETag", '"a"'), MODIFIED)
    await validated(viewer, origin, stored, response(b"", FRESH, *told), method="HEAD")

    assert (await viewer.get()).body == b"asked again"


async def test_rfc9111_4_3_5_a_head_that_fails_leaves_what_is_stored(
    viewer: Viewer, origin: RawOrigin
) -> None:
    error = response(b"", status="503 Service Unavailable")
    origin.answers(
        response(b"stored", *STALE, ("ETag", '"a"')), error, not_modified(("ETag", '"a"'), FRESH)
    )
    await viewer.get()
    await viewer.get(method="HEAD")

    assert (await viewer.get()).body == b"stored"


async def test_rfc9111_4_3_5_a_head_is_answered_by_a_stored_get(
    viewer: Viewer, origin: RawOrigin
) -> None:
    await viewer.get()
    got = await viewer.get(method="HEAD")

    assert (got.get("content-length"), got.body, len(origin.asked)) == ("5", b"", 1)
