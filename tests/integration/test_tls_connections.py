"""TLS connections of one listener, which share their buffers, over real sockets (RFC 8446)."""

import asyncio
import contextlib
import random
import ssl
from collections.abc import AsyncIterator, Callable

import pytest
import trustme

from common.service import tls_connections
from common.service.tls_connections import TlsProtocols

TLS12, TLS13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
BOTH = pytest.mark.parametrize("version", [TLS12, TLS13])


class Echo(asyncio.Protocol):
    """Sends back what it gets, and tells what happened to it."""

    def __init__(self, told: list[str]) -> None:
        self.told = told
        self.got = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.told.append("made")

    def data_received(self, data: bytes) -> None:
        self.got += len(data)
        if data == b"close":
            self.transport.close()
        elif data == b"lots":
            for _ in range(32):
                self.transport.write(bytes(1024 * 1024))
        else:
            self.transport.write(data)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append("lost")


class Client:
    """A client that says itself when, and in which pieces, its bytes leave."""

    def __init__(
        self,
        version: ssl.TLSVersion,
        authority: trustme.CA,
        streams: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = context.maximum_version = version
        authority.configure_trust(context)
        self.reader, self.writer = streams
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.plain = bytearray()
        self.ended = False

    async def send(self, piece: Callable[[], int] = lambda: 1 << 30) -> None:
        """Sends what waits, in pieces of ``piece()`` bytes, each in a turn of its own."""
        waiting = self.outgoing.read()
        while waiting:
            size = piece()
            self.writer.write(waiting[:size])
            waiting = waiting[size:]
            await asyncio.sleep(0)

    async def receive(self) -> None:
        """Takes what comes next.

        Raises:
            ssl.SSLError: it is an alert, or not what the server has sent.
        """
        async with asyncio.timeout(20):
            data = await self.reader.read(1 << 20)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    async def shake_hands(self, piece: Callable[[], int] = lambda: 1 << 30) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(piece)
                await self.receive()
            else:
                await self.send(piece)
                return

    def read(self) -> None:
        """Reads what content is there."""
        try:
            while data := self.tls.read(1 << 20):
                self.plain += data
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            # Both sides have said that they close.
            self.ended = True

    async def get(self, length: int) -> bytes:
        """The next ``length`` bytes of content; fewer at the end of the connection."""
        self.read()
        while len(self.plain) < length and not self.ended:
            await self.receive()
            self.read()
        got = bytes(self.plain[:length])
        del self.plain[:length]
        return got

    async def ask(self, content: bytes) -> bytes:
        self.tls.write(content)
        await self.send()
        return await self.get(len(content))


class Served:
    """A listener with ``Echo`` behind it."""

    def __init__(self, authority: trustme.CA, port: int, told: list[str]) -> None:
        self.authority = authority
        self.port = port
        self.told = told
        self._clients: list[Client] = []

    async def client(self, version: ssl.TLSVersion = TLS13) -> Client:
        """A client before its handshake."""
        streams = await asyncio.open_connection("127.0.0.1", self.port)
        self._clients.append(Client(version, self.authority, streams))
        return self._clients[-1]

    async def close(self) -> None:
        """Ends all clients."""
        for client in self._clients:
            client.writer.close()
            with contextlib.suppress(OSError):
                await client.writer.wait_closed()

    async def greeted(self, version: ssl.TLSVersion = TLS13) -> Client:
        """One after it."""
        client = await self.client(version)
        await client.shake_hands()
        return client

    async def hear(self, word: str) -> None:
        """Waits until a protocol has told ``word``."""
        async with asyncio.timeout(20):
            while word not in self.told:  # noqa: ASYNC110 - a word is no event
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def serving(
    authority: trustme.CA, protocol: Callable[[list[str]], asyncio.Protocol]
) -> AsyncIterator[Served]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    told: list[str] = []
    loop = asyncio.get_running_loop()
    protocols = TlsProtocols(context, lambda: protocol(told))
    server = await loop.create_server(protocols, "127.0.0.1", 0)
    async with server:
        found = Served(authority, server.sockets[0].getsockname()[1], told)
        yield found
        await found.close()


@pytest.fixture
async def served(authority: trustme.CA) -> AsyncIterator[Served]:
    async with serving(authority, Echo) as found:
        yield found


@pytest.mark.parametrize("seed", range(6))
async def test_connections_in_pieces_among_each_other_are_kept_apart(
    served: Served, seed: int
) -> None:
    chance = random.Random(seed)
    most = chance.choice([1, 3, 50, 700])

    def piece() -> int:
        return chance.randint(1, most)

    async def talk(version: ssl.TLSVersion, number: int) -> None:
        client = await served.client(version)
        await client.shake_hands(piece)
        for length in (1, 20, 300, 20_000 if most > 1 else 400):
            content = bytes([number]) * length
            client.tls.write(content)
            await client.send(piece)
            assert await client.get(length) == content

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(talk(TLS12 if number % 2 else TLS13, number))


@BOTH
async def test_large_content_comes_and_goes_whole(served: Served, version: ssl.TLSVersion) -> None:
    content = random.Random(1).randbytes(5_000_000)
    client = await served.greeted(version)
    client.tls.write(content)
    sending = asyncio.create_task(client.send(lambda: 100_000))

    assert await client.get(len(content)) == content
    await sending


async def test_records_that_come_together_are_read_in_order(served: Served) -> None:
    client = await served.greeted()
    for number in range(100):
        client.tls.write(b"%05d" % number)
    await client.send()

    assert await client.get(500) == b"".join(b"%05d" % number for number in range(100))


async def test_content_may_come_with_the_end_of_the_handshake(served: Served) -> None:
    client = await served.client()
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.do_handshake()
    await client.send()
    await client.receive()
    client.tls.do_handshake()
    client.tls.write(b"at once")
    await client.send()

    assert await client.get(7) == b"at once"


@BOTH
async def test_the_server_says_that_it_closes(served: Served, version: ssl.TLSVersion) -> None:
    client = await served.greeted(version)

    assert await client.ask(b"close") == b""
    assert client.ended
    await served.hear("lost")


@BOTH
async def test_a_client_that_says_that_it_closes_is_heard(
    served: Served, version: ssl.TLSVersion
) -> None:
    client = await served.greeted(version)
    assert await client.ask(b"once") == b"once"
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.unwrap()
    await client.send()

    await served.hear("lost")
    assert served.told == ["made", "eof", "lost"]


async def test_content_before_the_clients_last_word_is_answered(served: Served) -> None:
    client = await served.greeted()
    client.tls.write(b"first")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.tls.unwrap()
    await client.send()

    assert await client.get(100) == b"first"
    assert client.ended
    await served.hear("lost")
    assert served.told == ["made", "eof", "lost"]


async def test_a_client_that_hangs_up_is_heard(served: Served) -> None:
    client = await served.greeted()
    await client.ask(b"once")
    client.writer.close()

    await served.hear("lost")
    assert served.told == ["made", "eof", "lost"]


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
        b"\x16\x03\x01\xff\xff" + bytes(70_000),
        bytes(100),
        b"\x80\x2e\x01\x00\x02",
    ],
)
async def test_what_is_no_handshake_ends_its_own_connection_alone(
    served: Served, garbage: bytes
) -> None:
    other = await served.greeted()
    stranger = await served.client()
    stranger.writer.write(garbage)
    if garbage.startswith(b"\x80"):
        stranger.writer.write_eof()

    # The end may come with what was not read: then it is a reset.
    with contextlib.suppress(ConnectionResetError):
        while await stranger.reader.read(1000):
            pass
    assert await other.ask(b"unharmed") == b"unharmed"
    assert served.told == ["made"]


@BOTH
async def test_a_forged_record_ends_its_own_connection_alone(
    served: Served, version: ssl.TLSVersion
) -> None:
    other, victim = await served.greeted(), await served.greeted(version)
    half = await served.greeted(version)
    half.tls.write(b"half a record")
    record = half.outgoing.read()
    half.writer.write(record[:9])
    assert await victim.ask(b"before") == b"before"
    victim.writer.write(b"\x17\x03\x03\x00\x40" + bytes(64) + b"\x17\x03\x03\x00\x20")

    await victim.receive()
    with pytest.raises(ssl.SSLError, match="ALERT_BAD_RECORD_MAC"):
        victim.read()
    await served.hear("lost")
    half.writer.write(record[9:])
    assert await half.get(13) == b"half a record"
    assert await other.ask(b"unharmed") == b"unharmed"


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01\x00"])
async def test_a_handshake_that_is_not_done_in_time_is_ended(
    authority: trustme.CA, served: Served, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    done = await served.greeted()
    monkeypatch.setattr(tls_connections, "HANDSHAKE_SECONDS", 0.1)
    late = await served.client()
    late.writer.write(begun)
    greeted = await served.greeted()

    with contextlib.suppress(ConnectionResetError):
        assert await late.reader.read() == b""
    await asyncio.sleep(0.2)
    for one in (done, greeted):
        assert await one.ask(b"still here") == b"still here"


async def test_a_protocol_learns_that_its_client_is_slow(served: Served) -> None:
    client = await served.greeted()
    client.tls.write(b"lots")
    await client.send()
    await served.hear("pause")
    assert "resume" not in served.told

    assert await client.get(32 * 1024 * 1024) == bytes(32 * 1024 * 1024)
    await served.hear("resume")


async def test_a_protocol_that_wants_no_connection_gets_none(authority: trustme.CA) -> None:
    class Refusing(Echo):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport.abort()

    async with serving(authority, Refusing) as served:
        client = await served.client(TLS12)
        await client.shake_hands()
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await client.ask(b"anybody?")
        await served.hear("lost")
    assert served.told == ["made", "lost"]


async def test_a_protocol_may_ask_about_its_connection(served: Served) -> None:
    listener = TlsProtocols(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), lambda: Echo([]))
    connection = listener()

    assert connection.is_closing()
    assert connection.get_extra_info("ssl_object") is None
    assert connection.get_extra_info("sslcontext") is listener.context
    assert connection.get_extra_info("peername", "nobody") == "nobody"
    assert not connection.can_write_eof()
