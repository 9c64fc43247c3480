"""The rules that a finished HLS package must keep, and what is broken of them.

`rules` holds the rules, each a pure function over the model of a package; `parts` makes that model
of what was just measured, and `load` makes it of the bytes behind a folder or a URL.
"""

from ingest.check.errors import NotReadable, PackageBroken
from ingest.check.load import Progress, load
from ingest.check.model import Package
from ingest.check.parts import check_parts
from ingest.check.readers import FolderReader, HttpReader, Reader
from ingest.check.rule import Finding, Report, Rule, Severity
from ingest.check.rules import RULES, check

__all__ = [
    "RULES",
    "Finding",
    "FolderReader",
    "HttpReader",
    "NotReadable",
    "Package",
    "PackageBroken",
    "Progress",
    "Reader",
    "Report",
    "Rule",
    "Severity",
    "check",
    "check_parts",
    "load",
]
