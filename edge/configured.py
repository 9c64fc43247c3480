"""The parts of an edge that its settings shape."""

from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from common.clock import Clock
from common.errors import SettingsInvalid
from common.service import secrets_of
from edge.fetch.fetches import Fetches
from edge.fetch.neighbourhood import Neighbourhood, Tickets
from edge.fetch.origins import Origins
from edge.fetch.pacing import Pacing
from edge.fetch.pool import Pool
from edge.fetch.upstream import Upstream
from edge.fetch.wire import Endpoint
from edge.limit_settings import LimitSettings
from edge.policy.fill_window import FillPlan, FillWindow
from edge.policy.keys import KeyRules
from edge.policy.limits import ConnectionCounts, RequestRate
from edge.serve.access_log import AccessLog
from edge.serve.tokens import Tokens
from edge.settings import Settings
from edge.store import Cache
from edge.store.tallies import SharedMoments, Tallies


def neighbourhood_of(settings: Settings, runtime: Path) -> Neighbourhood:
    """The other edges of the region; ``runtime`` is the folder that the processes share.

    Raises:
        SettingsInvalid: a URL names no server.
    """
    fixed = {shield.edge_id: _endpoint(shield.url) for shield in settings.shields}
    return Neighbourhood(settings.edge_id, runtime, fixed)


def fetches_of(
    settings: Settings, cache: Cache, pool: Pool, clock: Clock, neighbourhood: Neighbourhood
) -> Fetches:
    """What goes upstream, and how.

    Raises:
        SettingsInvalid: a URL names no server, or a time zone is not known.
    """
    managed = settings.control is not None
    added: list[tuple[str, str]] = []
    if settings.origin.token is not None:
        added.append(("Authorization", f"Bearer {settings.origin.token}"))
    if managed:
        # What is stored is what is served: no transformation on the way.
        added.append(("Accept-Encoding", "identity"))
    endpoints = [_endpoint(origin.url) for origin in (settings.origin, *settings.fallback_origins)]
    tickets = Tickets([(key.key_id, key.secret) for key in settings.token_keys], clock)
    upstream = Upstream(
        Origins(pool, endpoints, clock, ticket=tickets.for_target),
        pseudonym=name_of(settings),
        added=tuple(added),
        forward_fields=not managed,
        route=neighbourhood.route,
        purges=cache.purges.told_of,
    )
    return Fetches(
        cache,
        upstream,
        clock,
        pacing=Pacing(fill_plan_of(settings), clock, settings.workers),
        heuristic=settings.heuristic_freshness,
        negative=settings.negative_lifetime,
    )


def fill_plan_of(settings: Settings) -> FillPlan:
    """When what is not urgent is filled, and how fast.

    Raises:
        SettingsInvalid: the time zone is not known.
    """
    fill = settings.fill
    try:
        zone = ZoneInfo(fill.timezone) if fill.timezone is not None else None
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsInvalid(
            file="edge", key="fill.timezone", expected="the IANA name of a time zone"
        ) from error
    window = FillWindow.of(fill.window, zone) if fill.window is not None else None
    return FillPlan(window, fill.rate, fill.rate_outside)


def access_log_of(settings: Settings) -> AccessLog | None:
    """The access log, if one is wanted."""
    log = settings.access_log
    if log is None:
        return None
    return AccessLog(log.file, log.format, rotate_at=log.rotate_at, keep=log.keep)


def tokens_of(settings: Settings) -> Tokens | None:
    """What checks viewers' tokens, if they need any."""
    return Tokens(secrets_of(settings.token_keys)) if settings.token_keys else None


def connections_of(settings: Settings, tallies: Tallies | None) -> ConnectionCounts:
    """How many connections there may be; ``tallies`` are those of several processes."""
    limits = settings.limits
    return ConnectionCounts(limits.connections, limits.connections_per_client, tallies)


def limits_of_siblings(settings: Settings) -> LimitSettings:
    """What another worker's connections may cost: it is as slow as its viewers, whom it watches."""
    return msgspec.structs.replace(
        settings.limits, send_bytes_per_second=0, content_bytes_per_second=0
    )


def rate_of(settings: Settings, tallies: Tallies | None) -> RequestRate | None:
    """How often a client may ask, if that is limited; ``tallies`` as for connections."""
    limits = settings.limits
    if limits.requests_per_second is None:
        return None
    moments = None if tallies is None else SharedMoments(tallies)
    return RequestRate(limits.requests_per_second, limits.request_burst, moments)


def rules_of(settings: Settings) -> KeyRules:
    """What is in a cache key."""
    key = settings.key
    return KeyRules(
        counted=None if key.counted_parameters is None else frozenset(key.counted_parameters),
        ignored=frozenset(key.ignored_parameters),
        sort=key.sort_parameters,
        objects_only=settings.control is not None,
    )


def name_of(settings: Settings) -> str:
    """The edge's name in Via and Cache-Status."""
    return f"nearcast-{settings.edge_id}"


def _endpoint(url: str) -> Endpoint:
    try:
        return Endpoint.of(url)
    except ValueError as error:
        raise SettingsInvalid(file="edge", key="url", expected=str(error)) from error
