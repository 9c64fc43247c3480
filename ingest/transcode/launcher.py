"""Confines its own process, then becomes the program it is told to run.

Started as a file by the Python interpreter, alone and isolated, because what it does is not safe
between fork and exec of a process with threads. Arguments: the parent's process id, the three
limits of `ingest.transcode.confinement.Confinement` (0 is none), ``r`` or ``w`` and a path for each
that may be read or written, ``--``, the program and its arguments. Without any path nothing is
closed to the program but what the limits say.

It imports little and nothing of Nearcast's: it runs before every encode.
"""

import ctypes
import os
import resource
import signal
import stat
import struct
import sys

PR_SET_PDEATHSIG = 1
"""prctl(2): the signal this process gets when its parent dies."""
PR_SET_NO_NEW_PRIVS = 38
"""prctl(2): no program that is started from here on gains anything."""
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2

OPEN_FILES = 256
"""File descriptors that a program may have."""

SECONDS_TO_END = 2
"""Processor time between the limit that can be caught and the one that cannot."""

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_ADD_RULE = 445
LANDLOCK_RESTRICT_SELF = 446
"""System calls of landlock(7), numbered alike on every architecture."""
LANDLOCK_VERSION = 1
LANDLOCK_PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | 1 << 14 | 1 << 15
"""Rights that a rule for a single file may name; bit 14 is truncate, bit 15 ioctl on devices."""
RIGHTS_BY_VERSION = ((5, 16), (3, 15), (2, 14), (1, 13))
"""How many rights each version of Landlock knows."""
READING = READ_FILE | READ_DIR
WRITING = READING | WRITE_FILE | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 14
"""Also: remove files, make folders and files, truncate. No device, socket, pipe or link."""
NO_TCP = 0b11
"""Neither bind nor connect; version 4 knows them."""
NO_SIGNALS_OUT = 0b11
"""Neither abstract sockets nor signals to processes that are not confined; version 6 knows them."""

LIBRARIES = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib")
"""Where a program's loader finds itself and the rest."""
HARMLESS = ("/etc/ld.so.cache", "/sys/devices/system/cpu", "/dev/null", "/dev/urandom")
"""What loaders and thread pools look at."""

ARCHITECTURES = {
    # AUDIT_ARCH_…, fork, vfork, clone, clone3, and the calls that are refused.
    "x86_64": (
        0xC000003E,
        *(57, 58, 56, 435),
        # socket, ptrace, process_vm_readv, process_vm_writev, io_uring_setup, pidfd_getfd,
        # unshare, setns, mount, bpf, perf_event_open, userfaultfd, keyctl, add_key
        (41, 101, 310, 311, 425, 438, 272, 308, 165, 321, 298, 323, 250, 248),
    ),
    "aarch64": (
        0xC00000B7,
        # It has neither fork nor vfork.
        *(220, 220, 220, 435),
        (198, 117, 270, 271, 425, 438, 97, 268, 40, 280, 241, 282, 219, 217),
    ),
}
CLONE_THREAD = 0x00010000
X32 = 0x40000000
"""Numbers from here on are calls of the x32 interface: a second way to everything."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


def limit(kind: int, value: int, grace: int = 0) -> None:
    """Lower a limit of setrlimit(2) to ``value``, the hard one to ``grace`` more; 0 leaves it."""
    if value:
        _, hard = resource.getrlimit(kind)
        most = value + grace if hard == resource.RLIM_INFINITY else min(value + grace, hard)
        resource.setrlimit(kind, (min(value, most), most))


def confine(parent: int, memory: int, processor: int, output: int) -> None:
    """Die with the process ``parent``, and keep to the limits."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # The parent may have died before the kernel knew whom to watch.
    if os.getppid() != parent:
        sys.exit(1)
    limit(resource.RLIMIT_CORE, 1)
    limit(resource.RLIMIT_AS, memory)
    # The soft limit's signal says why; the hard one's is that of any kill.
    limit(resource.RLIMIT_CPU, processor, grace=SECONDS_TO_END)
    limit(resource.RLIMIT_FSIZE, output)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)


def shut_in(reads: list[str], writes: list[str], program: str | None) -> None:
    """Keep this process to these paths, to itself and off the network, for good.

    ``program`` is what may still be executed. Does as much of it as the kernel is able to:
    ``landlock_version`` and ``filter_program`` tell what that is.
    """
    _libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = landlock_version()
    if version > 0:
        _restrict_files(version, reads, writes, program)
    instructions = filter_program()
    if instructions:
        kept = ctypes.create_string_buffer(instructions, len(instructions))
        head = struct.pack("HP", len(instructions) // 8, ctypes.addressof(kept))
        _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, head, 0, 0)


def landlock_version() -> int:
    """The version of Landlock that the kernel has; below 1, it has none."""
    return int(_libc.syscall(LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), LANDLOCK_VERSION))


def _restrict_files(version: int, reads: list[str], writes: list[str], program: str | None) -> None:
    count = next(rights for least, rights in RIGHTS_BY_VERSION if version >= least)
    known = (1 << count) - 1
    attributes = struct.pack("Q", known)
    if version >= 4:
        attributes += struct.pack("Q", NO_TCP)
    if version >= 6:
        attributes += struct.pack("Q", NO_SIGNALS_OUT)
    ruleset = _libc.syscall(
        LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0
    )
    allowed = [(path, READING) for path in reads] + [(path, WRITING) for path in writes]
    if program is not None:
        allowed += [(path, READING | EXECUTE) for path in (program, *LIBRARIES)]
        allowed += [(path, READING) for path in HARMLESS]
    for path, rights in allowed:
        _allow(ruleset, path, rights & known)
    if ruleset < 0 or _libc.syscall(LANDLOCK_RESTRICT_SELF, ruleset, 0):
        # It could a moment ago. Not a word, or it would be taken for the program's.
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        # What is not there cannot be read either; the program will say so.
        return
    if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
        rights &= OF_FILES
    rule = struct.pack("=Qi", rights, descriptor)
    _libc.syscall(LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH_BENEATH, rule, 0)
    os.close(descriptor)


def filter_program() -> bytes:
    """The filter of seccomp(2) that allows threads, but no process, socket or way around them.

    Empty on architectures whose numbers are not known here.
    """
    known = ARCHITECTURES.get(os.uname().machine)
    if known is None:
        return b""
    architecture, fork, vfork, clone, clone3, refused = known
    # struct sock_filter, see bpf(4): operation, jumps when true and when false, operand.
    load, equal, at_least, any_of, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    allow, kill, no_permission, not_there = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
    code = [
        (load, 0, 0, 4),
        (equal, 1, 0, architecture),
        (answer, 0, 0, kill),
        (load, 0, 0, 0),
        (at_least, 0, 1, X32),
        (answer, 0, 0, kill),
        # The flags of clone3 are in memory, where no filter sees them: the C library then clones.
        (equal, 0, 1, clone3),
        (answer, 0, 0, not_there),
        (equal, 0, 4, clone),
        (load, 0, 0, 16),
        (any_of, 0, 1, CLONE_THREAD),
        (answer, 0, 0, allow),
        (answer, 0, 0, no_permission),
    ]
    for number in (fork, vfork, *refused):
        code += [(equal, 0, 1, number), (answer, 0, 0, no_permission)]
    code.append((answer, 0, 0, allow))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def main() -> None:
    """Confine, then exec."""
    parent, memory, processor, output = (int(argument) for argument in sys.argv[1:5])
    end = sys.argv.index("--")
    paths, program = sys.argv[5:end], sys.argv[end + 1 :]
    confine(parent, memory, processor, output)
    if paths:
        reads = [path[1:] for path in paths if path[0] == "r"]
        writes = [path[1:] for path in paths if path[0] == "w"]
        shut_in(reads, writes, program[0])
    os.execv(program[0], program)  # noqa: S606 -- there is no shell, and that is the point


if __name__ == "__main__":
    main()
