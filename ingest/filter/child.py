"""The confined process of one filter: ``python -m ingest.filter.child REQUEST``.

Reads an ``answers.Request`` from the file, and prints lines of ``answers.Report``.
"""

import os
import sys
import traceback
from pathlib import Path
from typing import IO

import msgspec

from common.errors import NearcastError
from ingest.filter.answers import Report, Request, checked, short
from ingest.filter.errors import FilterFailed
from ingest.filter.plugins import prepared
from ingest.filter.tools import Tools


def answered(request: Request, tools: Tools) -> Report:
    """What the plug-in says; never raises for what it does."""
    try:
        plugin = prepared(request.kind, request.options, place="filter")
        return Report(answer=checked(plugin.check(request.subject, tools)))
    except NearcastError as error:
        return Report(failure=str(error))
    except MemoryError:
        return Report(failure=str(FilterFailed(reason="it needs too much memory")))
    except Exception as error:  # a plug-in may fail in any way, and each is told alike
        traceback.print_exc()
        reason = short(f"{type(error).__name__}: {error}").rstrip(".")
        return Report(failure=str(FilterFailed(reason=reason)))


def main() -> None:
    """Run the filter that the file named on the command line asks for."""
    # What a plug-in prints goes where complaints go, and is no answer.
    with os.fdopen(os.dup(1), "wb", buffering=0) as answers:
        os.dup2(2, 1)
        asked = Path(sys.argv[1])
        request = msgspec.json.decode(asked.read_bytes(), type=Request)
        # What is started from here may read in this folder, and options may hold a secret.
        asked.unlink()
        tools = Tools(
            Path.cwd(),
            seconds=request.seconds,
            memory=request.memory,
            tell=lambda fraction: _say(answers, Report(progress=fraction)),
        )
        _say(answers, answered(request, tools))


def _say(answers: IO[bytes], report: Report) -> None:
    answers.write(msgspec.json.encode(report) + b"\n")


if __name__ == "__main__":
    main()
