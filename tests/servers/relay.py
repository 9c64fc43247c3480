"""A way to a server that a test can close and open again."""

import contextlib
import socket
import threading
from collections.abc import Iterator


class Relay:
    """Passes connections on, from a port of its own."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open = True
        self._pairs: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def close_way(self) -> None:
        """Cuts all connections, and every new one."""
        self._open = False
        for one in self._pairs:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def open_way(self) -> None:
        """Lets connections through again."""
        self._open = True

    def end(self) -> None:
        """Lets go of everything."""
        self.close_way()
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (*self._pairs, self._listener):
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                if not self._open:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                self._pairs += (near, far)
                for one, other in ((near, far), (far, near)):
                    self._threads.append(threading.Thread(target=_pass_on, args=(one, other)))
                    self._threads[-1].start()


def _pass_on(one: socket.socket, other: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := one.recv(65536):
            other.sendall(data)
    with contextlib.suppress(OSError):
        other.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def relay(url: str) -> Iterator[Relay]:
    """A relay to the server at ``url``."""
    host, _, port = url.removeprefix("http://").partition(":")
    made = Relay((host, int(port)))
    try:
        yield made
    finally:
        made.end()
