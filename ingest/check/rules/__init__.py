"""All rules.

Clauses named "authoring specification 7.4" are those of Apple's "HLS authoring specification for
Apple devices" as of May 2025; "rfc8216bis" is draft-pantos-hls-rfc8216bis. Where a clause is a
rule of this project it says "Nearcast".
"""

from typing import Final

from ingest.check.model import Package
from ingest.check.rule import Report, Rule, report_of
from ingest.check.rules import (
    across,
    bandwidths,
    codecs,
    groups,
    iframes,
    media,
    places,
    samples,
    syntax,
    variants,
)

RULES: Final[tuple[Rule, ...]] = (
    *syntax.RULES,
    *places.RULES,
    *media.RULES,
    *samples.RULES,
    *across.RULES,
    *variants.RULES,
    *bandwidths.RULES,
    *codecs.RULES,
    *groups.RULES,
    *iframes.RULES,
)


def check(package: Package) -> Report:
    """What all rules say of ``package``."""
    return report_of(RULES, package)
