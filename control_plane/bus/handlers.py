"""Those who listen to a bus."""

from collections.abc import Callable

from common import logs
from control_plane.bus.port import Hint

_log = logs.get(__name__)


class Handlers:
    """Takes hints to everybody who has asked for them."""

    def __init__(self) -> None:
        self._handlers: list[Callable[[Hint], None]] = []

    def add(self, handler: Callable[[Hint], None]) -> None:
        """Has ``handler`` take hints from now on."""
        self._handlers.append(handler)

    def tell(self, hint: Hint) -> None:
        """Calls all of them, whatever one of them raises."""
        for handler in self._handlers:
            try:
                handler(hint)
            except Exception:
                _log.exception("a hint was not taken", kind=hint.kind)
