"""The confined process of an inspection: ``python -m ingest.inspect.child … LIMITS FILE``.

It confines itself once all that it needs is imported, so that nothing but the file is open to it:
what PyAV imports only when it meets such a stream is imported here.
Before LIMITS, which is JSON, come the arguments of ``ingest.transcode.launcher.confine``. Prints
one line of JSON: the media found, or the error's class and facts.
"""

import sys
from pathlib import Path

import av.audio.stream
import av.logging
import av.subtitles.codeccontext
import av.subtitles.stream
import av.video.stream
import msgspec

from ingest.inspect.demux import read
from ingest.inspect.errors import (
    FileUnreadable,
    InspectionFailed,
    InspectionTooCostly,
    UploadRefused,
)
from ingest.inspect.finding import Finding
from ingest.inspect.limits import MediaLimits
from ingest.transcode import launcher


def find(path: Path, limits: MediaLimits) -> Finding:
    """Look into the file at ``path``; never raises for what is in the file."""
    try:
        return Finding(media=read(path, limits))
    except UploadRefused as error:
        return Finding(error=type(error).__name__, facts=error.facts)
    except MemoryError:
        return Finding(error=InspectionTooCostly.__name__, facts={"what": "memory"})
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return Finding(error=FileUnreadable.__name__, facts={"reason": reason})
    except Exception as error:
        return Finding(error=InspectionFailed.__name__, facts={"reason": type(error).__name__})


def main() -> None:
    """Look into the file named on the command line."""
    *bounds, limits, path = sys.argv[1:]
    taken = msgspec.json.decode(limits, type=MediaLimits, dec_hook=lambda kind, value: kind(value))
    # A line to standard error per broken frame would drown the one sentence that matters.
    av.logging.set_level(None)
    launcher.confine(*(int(bound) for bound in bounds))
    launcher.shut_in([path], [], None)
    finding = find(Path(path), taken)
    sys.stdout.buffer.write(msgspec.json.encode(finding) + b"\n")


if __name__ == "__main__":
    main()
