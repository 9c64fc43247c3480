"""Confines its own process, then becomes the program it is told to run.

Started as a file by the Python interpreter, alone and isolated, because what it does is not safe
between fork and exec of a process with threads. Arguments: the parent's process id, the three
limits of `ingest.transcode.confinement.Confinement` (0 is none), the program and its arguments.
"""

import ctypes
import os
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies."""


def _limit(kind: int, value: int) -> None:
    if value:
        _, hard = resource.getrlimit(kind)
        bound = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (bound, bound))


def main() -> None:
    """Confine, then exec."""
    parent, memory, processor, output = (int(argument) for argument in sys.argv[1:5])
    program = sys.argv[5:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the kernel knew whom to watch.
    if os.getppid() != parent:
        sys.exit(1)
    _limit(resource.RLIMIT_CORE, 1)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CPU, processor)
    _limit(resource.RLIMIT_FSIZE, output)
    os.execv(program[0], program)  # noqa: S606 -- there is no shell, and that is the point


if __name__ == "__main__":
    main()
