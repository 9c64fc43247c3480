"""What the express lane remembers of those who ask."""

from typing import Final

from common.http.cmcd import FIELDS
from common.http.fields import Fields
from edge.fetch.origins import PlainRequests
from edge.serve.hot import Conditions, HotObject

_TELLING: Final = frozenset(name.lower() for name in FIELDS)


class Viewer:
    """What the fields of a request say, read once for all requests that have the same."""

    __slots__ = (
        "asking",
        "closes",
        "conditions",
        "fields",
        "host",
        "logged",
        "plain",
        "site",
        "tells",
    )

    def __init__(
        self,
        host: str,
        fields: Fields,
        conditions: Conditions | None,
        logged: str,
        site: dict[bytes, HotObject] | None,
        *,
        closes: bool,
    ) -> None:
        self.host = host
        self.fields = fields
        """Those that are passed on."""
        self.asking: PlainRequests = {}
        """Requests upstream for what is missing, as they are sent for this viewer."""
        self.conditions = conditions
        self.logged = logged
        """What the access log says of the viewer."""
        self.plain = site is not None
        """Whether a request with these fields may take the express lane."""
        self.closes = closes
        """Whether the answer is the last of its connection."""
        self.tells = not fields.lacks(_TELLING)
        """Whether CMCD is among them: mostly it is not, as it differs in each request."""
        self.site = {} if site is None or closes or self.tells else site
        """The hot objects of its host that are found at a glance."""
