"""Reading and answering HTTP field values (RFC 9110, RFC 9111): pure."""

from common.http.age import parse_age
from common.http.answers import Answer, Representation, answer
from common.http.cache_control import CacheControl, parse_cache_control
from common.http.cache_status import CacheStatus
from common.http.conditional import (
    Conditions,
    EntityTag,
    Verdict,
    judge,
    parse_entity_tag,
    parse_entity_tags,
    range_applies,
)
from common.http.dates import format_http_date, parse_http_date
from common.http.multipart import Multipart
from common.http.ranges import (
    ByteRange,
    NoRange,
    RangeSpec,
    parse_range,
    select_range,
    select_ranges,
)
from common.http.targeted import parse_targeted

__all__ = [
    "Answer",
    "ByteRange",
    "CacheControl",
    "CacheStatus",
    "Conditions",
    "EntityTag",
    "Multipart",
    "NoRange",
    "RangeSpec",
    "Representation",
    "Verdict",
    "answer",
    "format_http_date",
    "judge",
    "parse_age",
    "parse_cache_control",
    "parse_entity_tag",
    "parse_entity_tags",
    "parse_http_date",
    "parse_range",
    "parse_targeted",
    "range_applies",
    "select_range",
    "select_ranges",
]
