"""Fields of tus requests."""

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.jobs.identifiers import make_identifier
from ingest.upload import tus
from ingest.upload.errors import FieldMalformed, UploadEmpty, UploadTooLarge, VersionUnknown

ONE, TWO = (make_identifier(1e9 + n, bytes(10)) for n in (1, 2))


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_metadata_are_pairs_of_keys_and_texts() -> None:
    field = f"title {encoded('Grüße')}, filename {encoded('a b.mp4')},empty,also_empty "
    assert tus.parse_metadata(field) == {
        "title": "Grüße",
        "filename": "a b.mp4",
        "empty": "",
        "also_empty": "",
    }
    assert tus.parse_metadata(None) == tus.parse_metadata("") == {}


@pytest.mark.parametrize(
    "field",
    [
        "title YQ",
        "title Y Q==",
        "title YQ==,title YQ==",
        ",",
        "ti\ttle YQ==",
        "größe YQ==",
        "title /w==",
        "title YQ==" + ",a" * 40,
        "k" * 65 + " YQ==",
        "title " + "QUFB" * 2000,
    ],
)
def test_metadata_that_are_malformed_are_refused(field: str) -> None:
    with pytest.raises(FieldMalformed, match="Upload-Metadata must be"):
        tus.parse_metadata(field)


@given(st.dictionaries(st.from_regex(r"[a-z_-]{1,20}", fullmatch=True), st.text(max_size=20)))
def test_metadata_are_read_as_they_were_written(values: dict[str, str]) -> None:
    values = dict(list(values.items())[:32])
    field = ",".join(f"{key} {encoded(value)}" for key, value in values.items())
    assert tus.parse_metadata(field) == values


@given(st.text(max_size=200))
def test_whatever_comes_is_read_or_refused(field: str) -> None:
    for parse in (tus.parse_metadata, tus.parse_checksum, tus.parse_concat, tus.parse_offset):
        with contextlib.suppress(FieldMalformed):
            parse(field)


def test_a_length_is_a_number_in_bounds() -> None:
    assert tus.parse_length("10", deferred=None, limit=10) == 10
    with pytest.raises(UploadTooLarge):
        tus.parse_length("11", deferred=None, limit=10)
    with pytest.raises(UploadEmpty):
        tus.parse_length("000", deferred=None, limit=10)


@pytest.mark.parametrize("field", [None, "", "-1", "+1", "1.0", " 1", "1_0", "²", "9" * 19])
def test_numbers_that_are_none_are_refused(field: str | None) -> None:
    with pytest.raises(FieldMalformed):
        tus.parse_length(field, deferred=None, limit=10)
    with pytest.raises(FieldMalformed):
        tus.parse_offset(field)


def test_a_length_must_be_told_at_once() -> None:
    with pytest.raises(FieldMalformed, match="Upload-Defer-Length is not supported"):
        tus.parse_length(None, deferred="1", limit=10)


def test_a_checksum_is_an_algorithm_and_a_digest() -> None:
    assert tus.parse_checksum(None) is None
    found = tus.parse_checksum("sha1 " + base64.b64encode(b"digest").decode())
    assert found == tus.Checksum("sha1", b"digest")


@pytest.mark.parametrize("field", ["", "sha1 !", "sha512 AAAA", "SHA1 AAAA", "shake_128 AAAA"])
def test_a_checksum_that_is_malformed_is_refused(field: str) -> None:
    with pytest.raises(FieldMalformed, match="Upload-Checksum must be"):
        tus.parse_checksum(field)


def test_concatenation_names_uploads_by_path_or_address() -> None:
    assert tus.parse_concat(None) is None
    assert tus.parse_concat("partial") == ()
    field = f"final;/v1/uploads/{TWO} https://a.example.org:8443/v1/uploads/{ONE}"
    assert tus.parse_concat(field) == (TWO, ONE)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "final",
        "final;",
        "partial;",
        "other;/v1/uploads/" + ONE,
        f"final;/v1/uploads/{ONE} /v1/uploads/{ONE}",
        f"final;/v1/uploads/{ONE}/",
        f"final;/v1/uploads/../{ONE}",
        "final;/v1/uploads/" + "u" * 26,
        "final;" + " ".join(["/v1/uploads/" + ONE] * 101),
    ],
)
def test_concatenation_of_anything_else_is_refused(field: str) -> None:
    with pytest.raises(FieldMalformed, match="Upload-Concat must be"):
        tus.parse_concat(field)


def test_other_versions_are_refused() -> None:
    tus.check_version("1.0.0")
    with pytest.raises(VersionUnknown):
        tus.check_version("1.0.1")


@pytest.mark.parametrize(
    ("field", "media_type"),
    [
        ("video/mp4", "video/mp4"),
        (None, "application/octet-stream"),
        ("video", "application/octet-stream"),
        ("a/b\r\nX-Evil: 1", "application/octet-stream"),
    ],
)
def test_a_media_type_is_one_or_the_general_one(field: str | None, media_type: str) -> None:
    assert tus.media_type(field) == media_type
