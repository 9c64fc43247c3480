"""Block lists: every line is read, whatever is around it, and malformed ones are told."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.filter import blocklists
from ingest.filter.blocklists import BlockList
from ingest.filter.errors import FilterFailed

HASH = st.binary(min_size=32, max_size=32)
LINES = st.lists(
    st.one_of(
        st.tuples(HASH, st.sampled_from(["", " ", " a label", "\tb", "  é  "]), st.booleans()),
        st.sampled_from(["", "# a comment", "   ", "\t", "#", "# " + "ab" * 32]),
    ),
    max_size=30,
)


def read(path: Path) -> tuple[list[bytes], list[int]]:
    hashes, places = [], []
    for block in BlockList(path).blocks():
        hashes += [block.words[:, index].tobytes() for index in range(block.words.shape[1])]
        places += block.places.tolist()
    return hashes, places


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(LINES, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.integers(1, 300))
def test_every_line_is_read_wherever_blocks_end(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[tuple[bytes, str, bool] | str],
    newline: str,
    ended: bool,
    block: int,
) -> None:
    monkeypatch.setattr(blocklists, "BLOCK", block)
    text, expected = "", []
    for line in lines:
        if isinstance(line, str):
            text += line + newline
            continue
        digest, label, upper = line
        digits = digest.hex().upper() if upper else digest.hex()
        place = len(text.encode())
        expected.append((digest, place, " ".join(label.split()) or digits[:12] + "…"))
        text += digits + label + newline
    path = tmp_path / "list"
    path.write_bytes((text if ended else text.removesuffix(newline)).encode())

    hashes, places = read(path)

    assert hashes == [digest for digest, _, _ in expected]
    assert places == [place for _, place, _ in expected]
    assert [BlockList(path).label(place) for place in places] == [label for *_, label in expected]


@pytest.mark.parametrize(
    "line",
    [
        b"ab",
        b"g" + b"a" * 63,
        b"a" * 63,
        b"a" * 65,
        b"a" * 64 + b",label",
        b" " + b"a" * 64,
        b"\xff" * 64,
        b"a" * 64 + b" " + b"x" * 5000,
        b"\xef\xbb\xbf" + b"a" * 64,
    ],
)
@pytest.mark.parametrize("before", [0, 3, 1000])
def test_a_malformed_line_is_told_by_its_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, before: int
) -> None:
    monkeypatch.setattr(blocklists, "BLOCK", 10_000)
    path = tmp_path / "list"
    good = b"# comment\n" + b"ab" * 32 + b" fine\n\n"
    path.write_bytes(good * before + line + b"\n" + good)

    with pytest.raises(FilterFailed, match=rf"line {3 * before + 1} of the block list .*/list is"):
        read(path)


def test_a_line_without_end_is_not_kept_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(b"a" * (3 * blocklists.BLOCK))

    with pytest.raises(FilterFailed, match="line 1 "):
        read(path)


def test_an_empty_list_has_nothing_on_it(tmp_path: Path) -> None:
    (tmp_path / "list").touch()

    assert read(tmp_path / "list") == ([], [])


def test_a_list_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FilterFailed, match="cannot be read \\(No such file or directory\\)"):
        BlockList(tmp_path / "list").require()
