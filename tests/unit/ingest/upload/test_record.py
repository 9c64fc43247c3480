"""How the record of an upload changes."""

import msgspec

from ingest.upload import record
from ingest.upload.record import FINISH_AGAIN_AFTER, Piece, Upload, UploadKind, UploadState
from tests.unit.ingest.upload.records import LIFETIME, NOW, an_upload

SHA256 = "0" * 64


def longer(upload: Upload, *sizes: int, sha256: str | None = SHA256) -> Upload:
    pieces = tuple(Piece(f"piece{number}", size) for number, size in enumerate(sizes))
    return record.extended(upload, pieces, sha256=sha256, now=NOW + 60, lifetime=LIFETIME)


def test_each_byte_gives_the_next_one_its_time() -> None:
    upload = longer(an_upload(), 4)
    assert (upload.state, upload.offset) == (UploadState.OPEN, 4)
    assert upload.expires_at == upload.due_at == NOW + 60 + LIFETIME
    assert upload.revision == 1


def test_a_whole_upload_is_due_soon_in_case_nobody_makes_its_job() -> None:
    upload = longer(an_upload(), 10)
    assert upload.state is UploadState.RECEIVED
    assert upload.due_at == NOW + 60 + FINISH_AGAIN_AFTER


def test_a_partial_upload_that_is_whole_waits_to_be_joined() -> None:
    upload = longer(an_upload(kind=UploadKind.PARTIAL), 10)
    assert upload.state is UploadState.RECEIVED
    assert upload.due_at == NOW + 60 + LIFETIME


def test_the_digest_is_known_when_all_came_in_one_piece() -> None:
    assert longer(an_upload(), 10).sha256 == SHA256
    assert longer(an_upload(), 4, 6).sha256 is None
    assert longer(longer(an_upload(), 4), 6).sha256 is None


def test_keys_of_pieces_are_in_their_order_and_in_the_uploads_place() -> None:
    keys = [record.piece_key("u", offset, "ffff") for offset in (0, 9, 10, 10**12)]
    assert keys == sorted(keys)
    assert all(key.startswith(record.source_prefix("u")) for key in keys)


def test_the_job_is_the_uploads_and_its_source_is_the_pieces() -> None:
    upload = longer(an_upload(profile="shorts"), 4, 6)
    job = record.job_of(upload, now=NOW)
    assert job.job_id == upload.upload_id
    assert (job.owner, job.profile, job.title) == ("creator", "shorts", "A title")
    assert job.source.keys == ("piece0", "piece1")
    assert (job.source.size, job.source.sha256) == (10, None)
    assert record.job_of(longer(an_upload(), 10), now=NOW).source.sha256 == SHA256


def test_every_change_is_a_revision() -> None:
    upload = an_upload()
    changes = [
        longer(upload, 1),
        record.done(upload, now=NOW, lifetime=LIFETIME),
        record.taken(upload, "final", now=NOW, lifetime=LIFETIME),
        record.postponed(upload, NOW),
        record.ending(upload, now=NOW),
    ]
    assert {change.revision for change in changes} == {1}
    assert changes[2].taken_by == "final"
    assert [msgspec.structs.replace(c, revision=0) == upload for c in changes] == [False] * 5
