"""How soon sessions are asked to come back, and how easily they are moved."""

from typing import Annotated

import msgspec


class SteeringSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of steering."""

    url: Annotated[
        Annotated[str, msgspec.Meta(pattern=r"^https?://[!-~]{1,512}\Z")] | None,
        msgspec.Meta(
            description="Where players reach `/steer` of the control plane, as in ingest's "
            "settings. Without it they are told a relative address where to ask again, which Shaka "
            "Player takes for one of the edge.",
            extra={"example": "https://play.example.org/steer"},
        ),
    ] = None

    ttl: Annotated[
        int,
        msgspec.Meta(
            description="The longest time after which a player asks again where to play from; each "
            "one waits for a part of it of its own. At most half of what players buffer. A "
            "million sessions ask about 60,000 times a second when it is 20.",
            ge=2,
            le=300,
            extra={"unit": "seconds"},
        ),
    ] = 20
    clones: Annotated[
        int,
        msgspec.Meta(
            description="Edges that a player is told of at once, of two regions at least where "
            "there are two.",
            ge=2,
            le=16,
        ),
    ] = 6
    settle: Annotated[
        float,
        msgspec.Meta(
            description="How long a session stays where it was sent, whatever its player says of "
            "that edge. An edge that fails is left at once.",
            ge=1,
            le=3600,
            extra={"unit": "seconds"},
        ),
    ] = 60.0
    homesick: Annotated[
        float,
        msgspec.Meta(
            description="How long a session that was sent to a farther region stays there before "
            "it is sent back to the nearest.",
            ge=1,
            le=86400,
            extra={"unit": "seconds"},
        ),
    ] = 300.0
