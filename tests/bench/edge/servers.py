"""The servers that are compared, each tuned as its operators would, all on the same core."""

import contextlib
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import tomli_w
import trustme

from common.signing import PathToken, mint
from tests.servers.processes import free_ports

SERVER_CORE, LOAD_CORE = "0", "1"
TICK = os.sysconf("SC_CLK_TCK")

LOG = (
    '{"time":"$time_iso8601","duration":$request_time,"client":"$remote_addr",'
    '"tls":"$ssl_protocol","method":"$request_method","host":"$host","target":"$request_uri",'
    '"version":"$server_protocol","status":$status,"sent":$body_bytes_sent,'
    '"cache_result":"$upstream_cache_status","cache_status":"$sent_http_cache_status",'
    '"referrer":"$http_referer","user_agent":"$http_user_agent","request_received":0}'
)
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log warn;
worker_rlimit_nofile 65536;
events {{ worker_connections 20000; }}
http {{
  sendfile on; tcp_nopush off; tcp_nodelay on; server_tokens off;
  keepalive_requests 1000000000; keepalive_timeout 75s;
  open_file_cache max=100000 inactive=300s; open_file_cache_valid 300s;
  log_format json escape=json '{log}';
  access_log {folder}/access.log json buffer=64k flush=1s;
  proxy_cache_path {folder}/cache levels=1:2 keys_zone=c:200m max_size=8g inactive=1d
                   use_temp_path=off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  upstream origin {{ server 127.0.0.1:{origin}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{http} backlog=8192;
    listen 127.0.0.1:{https} ssl backlog=8192;
    ssl_certificate {certificate}; ssl_certificate_key {certificate};
    ssl_protocols TLSv1.2 TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
    ssl_session_tickets on; ssl_session_cache shared:s:10m;
    proxy_http_version 1.1; proxy_set_header Connection "";
    proxy_cache c; proxy_cache_key $scheme$host$uri; proxy_cache_valid 200 1d;
    proxy_cache_lock on; proxy_cache_lock_timeout 30s; proxy_force_ranges on;
    proxy_buffers 16 64k; proxy_buffer_size 16k; proxy_busy_buffers_size 256k;
    add_header Cache-Status "nginx; $upstream_cache_status" always;
    location / {{ proxy_pass http://origin; }}
  }}
}}
"""
"""Not with tcp_nopush: its cork held the end of what is a little longer than a segment of the
loopback network (64 KiB) back until the receiver's delayed acknowledgement, 40 ms later, and
doubled the CPU time of 256 KiB. Larger buffers for TLS, kernel TLS and another sendfile_max_chunk
changed nothing beyond noise."""
VARNISH = """
vcl 4.1;
backend origin {{ .host = "127.0.0.1"; .port = "{origin}"; }}
sub vcl_hash {{
  hash_data(regsub(req.url, "\\?.*", "")); hash_data(req.http.host); return (lookup);
}}
sub vcl_deliver {{ set resp.http.Cache-Status = "varnish; hits=" + obj.hits; }}
"""
VARNISH_LOG = (
    '{"time":"%{%FT%TZ}t","duration":%{Varnish:time_firstbyte}x,"client":"%h","method":"%m",'
    '"host":"%{Host}i","target":"%U%q","version":"%H","status":%s,"sent":%b,'
    '"cache_result":"%{Varnish:hitmiss}x","cache_status":"%{Cache-Status}o",'
    '"referrer":"%{Referer}i","user_agent":"%{User-agent}i"}'
)
KEY_ID, SECRET = "bench", "a-secret-of-the-benchmark-alone-x"
EXPIRES = int(time.time()) + 24 * 3600
TOKEN = mint(PathToken(KEY_ID, "/bytes/", EXPIRES), SECRET)
"""Opens all objects for a day."""


@dataclass
class Server:
    """A server that runs."""

    name: str
    http: str
    """Its address, without a slash at the end."""
    https: str | None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def url(self, scheme: str) -> str | None:
        """Where it answers, if it speaks ``scheme``."""
        return self.http if scheme == "http" else self.https

    def pids(self) -> list[int]:
        """All its processes."""
        parents: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                parent = int(stat.read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(stat.parent.name))
        found = [process.pid for process in self.processes]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def cpu(self) -> float:
        """Seconds of CPU time that all its processes have used."""
        ticks = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                ticks += int(parts[11]) + int(parts[12])
        return ticks / TICK

    def memory(self) -> int:
        """Bytes of memory, shared pages counted once (PSS)."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{pid}/smaps_rollup").read_text()
                found = re.search(r"^Pss:\s+(\d+) kB", text, re.MULTILINE)
                total += int(found[1]) * 1024 if found else 0
        return total

    def start(self, command: list[str], log: Path) -> None:
        """Starts one of its processes on the servers' core."""
        with log.open("ab") as output:
            pinned = ["taskset", "-c", SERVER_CORE, *command]
            self.processes.append(subprocess.Popen(pinned, stdout=output, stderr=output))


@contextlib.contextmanager
def running(names: Iterable[str], folder: Path) -> Iterator[dict[str, Server]]:
    """The servers ``names`` before one origin; ended with the block."""
    (origin_port,) = free_ports(1)
    certificate = folder / "certificate.pem"
    made = trustme.CA().issue_cert("localhost", "127.0.0.1")
    certificate.write_bytes(
        made.private_key_pem.bytes() + b"".join(blob.bytes() for blob in made.cert_chain_pems)
    )
    folder.chmod(0o755)
    origin = Server("origin", f"http://127.0.0.1:{origin_port}", None)
    command = [sys.executable, "-m", "tests.bench.edge.origin", str(origin_port)]
    pinned = ["taskset", "-c", LOAD_CORE, *command]
    origin.processes.append(subprocess.Popen(pinned))
    started = [origin]
    try:
        wait_for(origin_port)
        servers = {}
        for name in names:
            own = folder / name
            own.mkdir(mode=0o777)
            own.chmod(0o777)
            server = _start(name, own, certificate, origin_port)
            started.append(server)
            servers[name] = server
        yield servers
    finally:
        for server in reversed(started):
            _stop(server)


def _start(name: str, folder: Path, certificate: Path, origin: int) -> Server:
    http, https, admin = free_ports(3)
    server = Server(name, f"http://127.0.0.1:{http}", f"https://127.0.0.1:{https}")
    log = folder / "output.log"
    if name == "nginx":
        text = NGINX.format(
            folder=folder,
            log=LOG,
            origin=origin,
            http=http,
            https=https,
            certificate=certificate,
        )
        (folder / "nginx.conf").write_text(text)
        server.start(["nginx", "-c", str(folder / "nginx.conf")], log)
    elif name == "varnish":
        server.https = None
        (folder / "edge.vcl").write_text(VARNISH.format(origin=origin))
        server.start(_varnish(folder, http), log)
        wait_for(http)
        command = ["varnishncsa", "-n", str(folder / "v"), "-w", str(folder / "access.log")]
        server.start([*command, "-F", VARNISH_LOG], log)
    else:
        for scheme, port, ports in (("http", http, admin), ("https", https, None)):
            config = folder / f"{scheme}.toml"
            config.write_text(
                _edge_settings(name, folder, scheme, port, ports, origin, certificate)
            )
            nearcast = [sys.executable, "-m", "deploy", "edge", "--config", str(config)]
            server.start(nearcast, log)
        wait_for(https)
    wait_for(http)
    return server


def _varnish(folder: Path, port: int) -> list[str]:
    """Varnish with memory for all objects, and threads that are there already."""
    command = ["varnishd", "-F", "-n", str(folder / "v"), "-f", str(folder / "edge.vcl")]
    command += ["-a", f"127.0.0.1:{port}", "-s", "malloc,4g", "-T", "none", "-j", "none"]
    for parameter in ("thread_pools=1", "thread_pool_min=200", "thread_pool_max=2000"):
        command += ["-p", parameter]
    return command


def _edge_settings(
    name: str,
    folder: Path,
    scheme: str,
    port: int,
    admin: int | None,
    origin: int,
    certificate: Path,
) -> str:
    """Settings of an edge; ``name`` may say that it goes without a log, or asks for tokens."""
    listen: dict[str, object] = {"port": port}
    if scheme == "https":
        listen["certificate"] = str(certificate)
    settings: dict[str, object] = {
        "cache_folder": str(folder / scheme),
        "memory": "1GiB",
        "listen": listen,
        "origin": {"url": f"http://127.0.0.1:{origin}"},
    }
    if admin is not None:
        settings["admin"] = {"port": admin}
    if name != "edge-no-log":
        settings["access_log"] = {"file": str(folder / f"{scheme}.log")}
    if name == "edge-tokens":
        settings["token_keys"] = [{"key_id": KEY_ID, "secret": SECRET}]
    return tomli_w.dumps(settings)


def wait_for(port: int) -> None:
    """Waits until somebody listens on ``port``.

    Raises:
        TimeoutError: nobody does within half a minute.
    """
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def _stop(server: Server) -> None:
    for process in server.processes:
        process.send_signal(signal.SIGTERM)
    for process in server.processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(40)
            continue
        process.kill()
        process.wait()


def versions() -> dict[str, str]:
    """What is compared, and with what."""
    told = {
        "Python": sys.version.split()[0],
        "OpenSSL": ssl.OPENSSL_VERSION,
        "aiohttp": version("aiohttp"),
        "uvloop": version("uvloop"),
    }
    for name, command in (("nginx", "-v"), ("varnishd", "-V"), ("wrk", "-v")):
        if shutil.which(name):
            done = subprocess.run([name, command], capture_output=True, text=True, check=False)
            told[name] = (done.stdout + done.stderr).splitlines()[0].strip()
    return told


def machine() -> str:
    """The machine in one line."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = os.uname()
    cores = os.cpu_count()
    return (
        f"{model[1] if model else system.machine}, {cores} cores, {system.sysname} {system.release}"
    )
