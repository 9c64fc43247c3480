"""A file system in memory of an edge's own, whose pages are as large as what is put there.

The network is handed a run of memory for each page, so large pages make sendfile(2) cheaper. What
is mounted here is seen by this process and its children alone, and ends with them however they
end. It takes the right to mount (CAP_SYS_ADMIN) and a system with large pages; without either, the
edge does with what /dev/shm is, which its operator may have mounted with ``huge=within_size``.
"""

import ctypes
import os
from pathlib import Path

_CLONE_NEWNS = 0x00020000
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 2, 4, 8
_MS_REC, _MS_SLAVE = 16384, 1 << 19
_MNT_DETACH = 2
_OPTIONS = b"huge=within_size,size=100%,mode=0700"
"""A page is never larger than what it holds (tmpfs(5)). How much is kept here is the setting's to
say: half of the memory, tmpfs's default, would be less than an operator may have asked for."""


def mount_own(folder: Path) -> bool:
    """Mounts it at ``folder``, which is made; whether it could be.

    It belongs before any thread is started.
    """
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(_CLONE_NEWNS) != 0:
        return False
    # What the system mounts later is still seen here, but not the other way round.
    if library.mount(b"none", b"/", None, ctypes.c_ulong(_MS_REC | _MS_SLAVE), None) != 0:
        return False
    folder.mkdir(exist_ok=True)
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV | _MS_NOEXEC)
    mounted = library.mount(b"nearcast", os.fsencode(folder), b"tmpfs", flags, _OPTIONS)
    return bool(mounted == 0)


def unmount(folder: Path) -> None:
    """Unmounts what is at ``folder``, if anything is; what is open stays readable."""
    ctypes.CDLL(None).umount2(os.fsencode(folder), _MNT_DETACH)
