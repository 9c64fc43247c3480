"""Paces and quotas."""

import pytest

from common.settings import ByteSize
from ingest.upload.errors import QuotaExceeded
from ingest.upload.quota import Bucket, QuotaSettings, Usage, day_of, drawn, fits, refusal

QUOTA = QuotaSettings(
    requests_per_second=2.0, burst=3, uploads_per_day=10, bytes_per_day=ByteSize(1000)
)


def drawn_often(times: int, *, now: float, bucket: Bucket | None = None) -> Bucket | None:
    for _ in range(times):
        bucket = drawn(bucket, QUOTA, name="studio", now=now)
    return bucket


def test_a_burst_may_come_at_once_and_no_more() -> None:
    bucket = drawn_often(3, now=0.0)
    with pytest.raises(QuotaExceeded, match="'studio' has reached its limit of 2 requests a sec"):
        drawn(bucket, QUOTA, name="studio", now=0.0)


def test_requests_may_go_on_at_the_pace() -> None:
    bucket = drawn_often(3, now=0.0)
    for step in range(1, 100):
        bucket = drawn(bucket, QUOTA, name="studio", now=step * 0.5)


def test_a_bucket_never_holds_more_than_a_burst() -> None:
    bucket = drawn_often(3, now=1e6, bucket=drawn_often(1, now=0.0))
    with pytest.raises(QuotaExceeded) as refused:
        drawn(bucket, QUOTA, name="studio", now=1e6)
    assert refused.value.headers == {"Retry-After": "1"}


def test_days_are_those_of_utc() -> None:
    assert [day_of(now) for now in (0.0, 86_399.9, 86_400.0)] == [0, 0, 1]


@pytest.mark.parametrize(
    ("used", "wanted", "room"),
    [
        (Usage(9, 0), Usage(1, 1000), True),
        (Usage(10, 0), Usage(1, 0), False),
        (Usage(10, 0), Usage(0, 1000), True),
        (Usage(0, 1), Usage(1, 1000), False),
    ],
)
def test_uploads_and_bytes_both_count(used: Usage, wanted: Usage, room: bool) -> None:
    assert fits(QUOTA, used, wanted) is room


def test_a_refusal_names_the_limit_and_the_end_of_the_day() -> None:
    of_uploads = refusal(QUOTA, Usage(10, 0), Usage(1, 1), name="studio", now=86_400.0 * 3 + 60)
    of_bytes = refusal(QUOTA, Usage(1, 999), Usage(1, 9), name="studio", now=0.0)
    assert str(of_uploads) == ("The credential 'studio' has reached its limit of 10 uploads a day.")
    assert of_uploads.headers["Retry-After"] == "86340"
    assert str(of_bytes).endswith("its limit of 1000 bytes a day.")
