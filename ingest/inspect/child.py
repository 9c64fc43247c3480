"""The confined process of an inspection: ``python -m ingest.inspect.child FILE``.

Prints one line of JSON: the media found, or the error's class and facts.
"""

import sys
from pathlib import Path

import av.logging
import msgspec

from ingest.inspect.demux import read
from ingest.inspect.errors import FileUnreadable, InspectionFailed, UploadRefused
from ingest.inspect.finding import Finding


def find(path: Path) -> Finding:
    """Look into the file at ``path``; never raises for what is in the file."""
    try:
        return Finding(media=read(path))
    except UploadRefused as error:
        return Finding(error=type(error).__name__, facts=error.facts)
    except MemoryError:
        return Finding(
            error=InspectionFailed.__name__, facts={"reason": "it needs too much memory"}
        )
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding(error=FileUnreadable.__name__, facts={"reason": reason})


def main() -> None:
    """Look into the file named on the command line."""
    # A line to standard error per broken frame would drown the one sentence that matters.
    av.logging.set_level(None)
    sys.stdout.buffer.write(msgspec.json.encode(find(Path(sys.argv[1]))) + b"\n")


if __name__ == "__main__":
    main()
