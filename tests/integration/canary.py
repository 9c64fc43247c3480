"""A secret that nobody may open, and ports that nobody may call: both tell when somebody did."""

import ctypes
import os
import socket
from pathlib import Path
from typing import Final

IN_OPEN: Final = 0x20
"""inotify(7): a file was opened, by whatever name and process."""


class Canary:
    """Watches ``secret`` and listens on ``port``, by TCP and UDP, on loopback."""

    def __init__(self, secret: Path) -> None:
        self.secret = secret
        self._libc = ctypes.CDLL(None)
        self._watch: int = self._libc.inotify_init1(os.O_NONBLOCK)
        assert self._libc.inotify_add_watch(self._watch, os.fsencode(secret), IN_OPEN) > 0
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=100)
        self._tcp.setblocking(False)
        self.port: int = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", self.port))
        self._udp.setblocking(False)

    def heard(self) -> set[str]:
        """What happened since the last call: "opened", "called", "sent to"."""
        found = set()
        try:
            os.read(self._watch, 1 << 16)
            found.add("opened")
        except BlockingIOError:
            pass
        try:
            while True:
                self._tcp.accept()[0].close()
                found.add("called")
        except BlockingIOError:
            pass
        try:
            self._udp.recv(100)
            found.add("sent to")
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        os.close(self._watch)
        self._tcp.close()
        self._udp.close()
