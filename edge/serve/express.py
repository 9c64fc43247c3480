"""The express lane: plain requests for what is fresh and in memory, answered as their bytes arrive.

It takes a request only when it is complete, strictly well-formed, and every field of it is known
not to matter; the object must be hot. Anything else is left, untouched, to aiohttp's parser and
the handler behind it, and both lanes answer alike. A hit costs little here because what is the
same in many requests is read and rendered once: the fields of a viewer, the head of an object.
"""

from typing import Protocol

from common.clock import Clock
from common.errors import NearcastError
from common.http.fields import Fields
from edge.fetch.begun import Begun
from edge.policy.forwarding import end_to_end
from edge.policy.keys import KeyRules, normalised_host
from edge.policy.limits import RequestRate
from edge.policy.messages import Request
from edge.policy.recognising import (
    LONGEST_LINE,
    read_block,
    read_request_line,
    without_range,
    without_varying,
)
from edge.policy.words import Words
from edge.serve.access_log import AccessLog
from edge.serve.crowd import Attendance, Crowds
from edge.serve.hot import Conditions, HotObject, HotObjects, Missing
from edge.serve.leading import Leading
from edge.serve.ready import Ready
from edge.serve.tokens import Tokens, session_field
from edge.serve.viewer import Viewer
from edge.store import Resident

MOST_VIEWERS = 2048
"""Different blocks of fields that are remembered."""
_UNCONDITIONAL: Conditions = (None, None, None, None)


class Connection(Protocol):
    """Where an answer goes."""

    client: str
    """The viewer's address."""
    group: str
    """What counts as one client."""
    logged: str
    """What the access log says of it."""

    def write(self, data: bytes) -> None:
        """Sends a small answer."""
        ...

    def send_now(self, ready: Ready, resident: Resident) -> int | None:
        """Sends what can be sent at once of an answer with large content.

        Returns:
            How many bytes of the content that is; None when not even the head is sent.
        """
        ...

    def deliver(self, resident: Resident, answered: "Answered", sent: int | None) -> None:
        """Sends the rest of it; ``Express.delivered`` is told its end."""
        ...

    def attend(self, request: bytes, answered: "Answered") -> Attendance:
        """Begins to wait for the answer to ``request``; ``Express.delivered`` is told its end."""
        ...

    def close(self) -> None:
        """Closes the connection, once what was sent has left."""
        ...


class Answered:
    """An answer that takes a while to send."""

    __slots__ = ("asked", "began", "ready", "telling", "viewer")

    def __init__(
        self,
        ready: Ready | None,
        viewer: Viewer,
        asked: str,
        began: float,
        telling: bytes | None = None,
    ) -> None:
        self.ready = ready
        self.telling = telling
        """The request, where it may tell of the viewer's network and was not heard yet."""
        self.viewer = viewer
        self.asked = asked
        self.began = began


class Express:
    """The express lane of a listener."""

    def __init__(
        self,
        hot: HotObjects,
        crowds: Crowds,
        leading: Leading,
        clock: Clock,
        rules: KeyRules,
        *,
        scheme: str,
        log: AccessLog | None,
        tokens: Tokens | None = None,
        rate: RequestRate | None = None,
        words: Words | None = None,
    ) -> None:
        """Answers with what ``hot`` finds.

        Args:
            hot: the hot objects.
            crowds: who waits for what is missing.
            leading: fetches what is missing.
            clock: the time.
            rules: what is in a key.
            scheme: of the viewers' URLs.
            log: the access log, if there is one.
            tokens: checks the tokens in viewers' paths, where they are asked for.
            rate: how many requests a client may make, where that is limited.
            words: hears what players tell of their networks, where somebody wants to know.
        """
        self._words = words
        self._tokens = tokens
        self._rate = rate
        self._hot = hot
        self._crowds = crowds
        self._leading = leading
        self._uncounted = rules.uncounted()
        self._now = clock.now
        self._monotonic = clock.monotonic
        self._scheme = scheme
        self._log = log
        self._line = log.lines.line if log is not None else _no_line
        self._viewers: dict[bytes, Viewer] = {}

    def answer(self, connection: Connection, data: bytes, now: float) -> bool:
        """Answers ``data`` if it is one plain request for what is hot; whether it did."""
        end = data.find(b"\r\n")
        block = data[end:]
        viewer = self._viewers.get(block)
        known = viewer is not None
        if viewer is not None:
            conditions = viewer.conditions
        else:
            viewer, conditions = self._meet(block)
        if viewer is None or not viewer.plain:
            return False
        free = self._rate is None
        if free and data.startswith(b"GET ") and data[end - 9 : end] == b" HTTP/1.1":
            came = data[4 : end - 9]
            target: bytes | None = came
            if self._tokens is not None:
                target = self._tokens.opened_before(came, connection.client, now, block)
            hot = None if target is None else viewer.site.get(target)
            exactly = hot is not None
            if hot is None and target is not None and end <= LONGEST_LINE:
                path, question, query = target.partition(b"?")
                if question and self._uncounted.fullmatch(query):
                    hot = viewer.site.get(path)
            if hot is not None and self._hot.holds(hot, now):
                ready = hot.get
                if conditions is not None:
                    ready = self._hot.answer(hot, "GET", conditions, now)
                if ready is None:
                    return False
                asked = hot.asked
                if self._log is not None and not exactly:
                    told = came.decode("ascii")
                    asked = self._log.lines.asked("GET", viewer.host, told, "HTTP/1.1")
                telling = None if exactly and known else data
                self._send(connection, viewer, hot, ready, asked, now, telling)
                return True
        return self._consider(connection, viewer, conditions, data, block, now)

    def _consider(
        self,
        connection: Connection,
        viewer: Viewer,
        conditions: Conditions | None,
        data: bytes,
        block: bytes,
        now: float,
    ) -> bool:
        """Answers what takes a closer look; ``block`` are the fields in ``data``."""
        asked = read_request_line(data[: -len(block)])
        if asked is None:
            return False
        method, told = asked
        target = told
        if self._tokens is not None:
            try:
                session = session_field(block)
                target = self._tokens.opened(told, connection.client, now, session)
            except NearcastError:
                return False
        hot = self._hot.find(viewer.host, target, now)
        if not isinstance(hot, HotObject):
            plain = method == "GET" and conditions is None and not viewer.closes
            missing = hot if plain else None
            return missing is not None and self._wait(
                connection, viewer, missing, told, data, block, now
            )
        ready = self._hot.answer(hot, method, conditions, now)
        if ready is None:
            return False
        if self._rate is not None and not self._rate.admits(connection.group, self._monotonic()):
            return False
        logged = ""
        if self._log is not None:
            same = method == "GET" and target == hot.request.target
            logged = (
                hot.asked if same else self._log.lines.asked(method, viewer.host, told, "HTTP/1.1")
            )
        if viewer.closes:
            ready = ready.as_last()
        telling = data if self._may_tell(viewer, told, block) else None
        self._send(connection, viewer, hot, ready, logged, now, telling)
        return True

    def _may_tell(self, viewer: Viewer, told: str, block: bytes) -> bool:
        """Whether a request for the target ``told`` may tell of its viewer's network."""
        return "?" in told or viewer.tells or self._viewers.get(block) is not viewer

    def _wait(
        self,
        connection: Connection,
        viewer: Viewer,
        missing: Missing,
        told: str,
        data: bytes,
        block: bytes,
        now: float,
    ) -> bool:
        """Has the connection wait for what is missing, alone or with others; whether it does."""
        if self._rate is not None and not self._rate.admits(connection.group, self._monotonic()):
            return False
        first = not self._crowds.is_awaited(missing.key)
        begun = self._begin(viewer, missing, block) if first else None
        if first and begun is None:
            if self._rate is not None:
                self._rate.take_back(connection.group)
            return False
        asked = ""
        if self._log is not None:
            asked = self._log.lines.asked("GET", viewer.host, told, "HTTP/1.1")
        telling = data if self._may_tell(viewer, told, block) else None
        attendance = connection.attend(data, Answered(None, viewer, asked, now, telling))
        if begun is not None:
            self._leading.serve(begun, attendance)
        else:
            plain = Request("GET", self._scheme, viewer.host, missing.target, Fields())
            self._crowds.join(missing.key, plain, attendance)
        return True

    def _begin(self, viewer: Viewer, missing: Missing, block: bytes) -> Begun | None:
        """Asks upstream for what is missing, with all fields that came in ``block``."""
        fields, asking = viewer.fields, viewer.asking
        if block not in self._viewers:
            # What differs in each request of a player is passed on too.
            read = read_block(block)
            if read is None:
                return None
            fields, asking = end_to_end(read.fields), {}
        request = Request("GET", self._scheme, viewer.host, missing.target, fields)
        return self._leading.begin(request, missing.key, asking)

    def _send(
        self,
        connection: Connection,
        viewer: Viewer,
        hot: HotObject,
        ready: Ready,
        asked: str,
        now: float,
        telling: bytes | None,
    ) -> None:
        words = self._words
        if telling is not None and words is not None and ready.status < 400:
            # As ``Words.hear``, without a call: it is the turn of few.
            words.due -= 1
            if words.due < 0:
                words.lay_aside(connection.group, telling)
        sent = ready.stop - ready.start
        resident = hot.resident
        if ready.whole is not None:
            connection.write(ready.whole)
        elif sent == 0:
            connection.write(ready.head)
        elif resident is None:
            assert hot.body is not None
            connection.write(ready.head + hot.body[ready.start : ready.stop])
        else:
            taken = connection.send_now(ready, resident)
            if taken != sent:
                connection.deliver(resident, Answered(ready, viewer, asked, now), taken)
                return
        seconds = self._now() - now
        ready.tally.note(sent, seconds)
        # As ``Watch.note``, without a call.
        watch = ready.watch
        watch.requests += 1
        watch.bytes += sent
        log = self._log
        if log is not None:
            logged = connection.logged
            log.note_line(self._line(now, seconds, logged, asked, ready.logged, viewer.logged))
        if viewer.closes:
            connection.close()

    def delivered(self, connection: Connection, answered: Answered, sent: int) -> None:
        """Notes the end of an answer that took a while, of whose content ``sent`` bytes left."""
        ready, seconds = answered.ready, self._now() - answered.began
        if ready is None:
            # The viewer left before there was an answer.
            return
        ready.tally.note(sent, seconds)
        ready.watch.note(sent)
        if answered.telling is not None and self._words is not None and ready.status < 400:
            self._words.hear(connection.group, answered.telling)
        if self._log is not None:
            logged = ready.logged
            if sent < ready.stop - ready.start:
                logged = self._log.lines.answered(
                    ready.status, sent, ready.result, ready.cache_status
                )
            viewer, began = answered.viewer, answered.began
            line = self._line(
                began, seconds, connection.logged, answered.asked, logged, viewer.logged
            )
            self._log.note_line(line)

    def _meet(self, block: bytes) -> tuple[Viewer | None, Conditions | None]:
        """Reads fields that are not remembered, and the conditions among them.

        The viewer is None when they are not recognised.
        """
        ranged = without_range(block)
        if ranged is not None:
            viewer = self._viewers.get(ranged[0])
            if viewer is not None and viewer.conditions is None:
                return viewer, (None, None, ranged[1], None)
        varying = without_varying(block)
        if varying is None:
            viewer = self._read(block)
            return viewer, viewer.conditions if viewer is not None else None
        rest, wanted = varying
        viewer = self._viewers.get(rest) or self._read(rest)
        if viewer is None or wanted is None:
            return viewer, viewer.conditions if viewer is not None else None
        none_match, modified, other, if_range = viewer.conditions or _UNCONDITIONAL
        if other is not None:
            return None, None
        return viewer, (none_match, modified, wanted, if_range)

    def _read(self, data: bytes) -> Viewer | None:
        block = read_block(data)
        if block is None:
            return None
        site: dict[bytes, HotObject] | None = None
        host = block.host
        if block.plain:
            try:
                host = normalised_host(block.host, self._scheme)
                site = self._hot.site(host)
            except NearcastError:
                site = None
        logged = ""
        if self._log is not None:
            fields = block.fields
            logged = self._log.lines.viewer(fields.get("referer"), fields.get("user-agent"), 0)
        if len(self._viewers) >= MOST_VIEWERS:
            self._viewers.clear()
        fields = end_to_end(block.fields)
        viewer = self._viewers[data] = Viewer(
            host, fields, block.conditions, logged, site, closes=block.closes
        )
        return viewer


def _no_line(*_: object) -> str:
    return ""
