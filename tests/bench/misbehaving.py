"""What a server that misbehaves can do to a fetch: `python -m tests.bench.misbehaving`.

The server is a process of its own, and so is each fetch: a row says what came of it, how long it took, and how much
memory more than a plain fetch. The deadline here is 3 s.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import threading
import zlib
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from monitor.ingest.fetching import MAX_BYTES, Failed, Fetched, Fetcher, Request
from tests.certificates import EXPIRED, VALID, make_certificate
from tests.feedserver import (
    FeedServer,
    Reply,
    drip,
    drip_headers,
    endless_headers,
    endless_interim,
    hang_up,
    says,
    silence,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from io import BufferedIOBase

    from monitor.ingest.connecting import Resolve
    from monitor.ingest.fetching import Outcome

ROOT: Final = Path(__file__).parents[2]
NOW: Final = datetime(2026, 11, 25, tzinfo=UTC)
DEADLINE: Final = timedelta(seconds=3)
NAME: Final = "feeds.example.org"

GZIP: Final = {"Content-Encoding": "gzip"}
WHOLE: Final = gzip.compress(b"news " * 10_000)
OK: Final = b"HTTP/1.1 200 OK\r\n\r\n"
PACKED: Final = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
TWICE: Final = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n"
CHUNKED: Final = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN: Final = Reply(b"<rss/>", headers={"Content-Type": "application/rss+xml"})


def made(make: Callable[[], bytes], head: bytes = OK) -> Reply:
    """Answer with what is made when it is asked for: here, and not where a fetch is measured."""

    def write(out: BufferedIOBase, _: threading.Event) -> None:
        out.write(head + make())

    return Reply(raw=write)


def bomb() -> bytes:
    """Pack 512 MB of noughts."""
    pack = zlib.compressobj(9, wbits=31)
    return b"".join(pack.compress(bytes(1 << 20)) for _ in range(512)) + pack.flush()


def to(target: str, status: int = 302) -> Reply:
    return Reply(status=status, headers={"Location": target})


def busy(retry_after: str) -> Reply:
    return Reply(status=429, headers={"Retry-After": retry_after})


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A way to misbehave, and how it is met.

    ``{plain}``, ``{other}``, ``{good}``, ``{expired}``, ``{unknown}`` and ``{mute}`` in ``url`` or in the reply's
    Location are ports; ``{path}`` leads to the reply. ``answers`` are the name server's, one look-up after the other,
    or None for one that is silent. The last of ``times`` fetches is shown.
    """

    name: str
    reply: Reply = PLAIN
    url: str = "http://127.0.0.1:{plain}{path}"
    answers: tuple[str, ...] | None = ("127.0.0.1",)
    more: Mapping[str, Any] = field(default_factory=dict)
    times: int = 1


PUBLIC: Final = {"internal": False}
NAMED: Final = f"http://{NAME}:{{plain}}{{path}}"
PRIVATE: Final = ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "10.0.0.1", "100.64.0.1", "[2002:7f00:1::]")
NOWHERE: Final = (
    *(
        "http://169.254.169.254/",
        "http://[::ffff:a9fe:a9fe]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://0.0.0.0:{plain}/",
    ),
    *(
        "http://2130706433:{plain}/",
        "http://0x7f.1:{plain}/",
        "http://0177.0.0.1:{plain}/",
        "http://a@b\\@127.0.0.1:{plain}/",
    ),
    *("http://127.0.0.1:{plain}\\@example.org/", "http://exam\tple.org/", "file:///etc/hostname", "//127.0.0.1:0/"),
)
FAULTS: Final = (
    Fault(name="none: a plain feed"),
    Fault(name="gzip within gzip, 512 MB", reply=made(lambda: gzip.compress(bomb()), TWICE)),
    Fault(name="a bomb of 512 MB", reply=made(bomb, PACKED)),
    Fault(name="a plain body over the cap, announced", reply=Reply(headers={"Content-Length": str(MAX_BYTES + 1)})),
    Fault(name="a plain body of 40 MB", reply=made(lambda: bytes(4 * MAX_BYTES))),
    Fault(name="gzip cut off", reply=Reply(WHOLE[:-20], headers=GZIP)),
    Fault(name="gzip damaged", reply=Reply(WHOLE[:20] + b"\xff\xff\xff" + WHOLE[23:], headers=GZIP)),
    Fault(name="gzip and rubbish behind it", reply=Reply(WHOLE + b"rubbish", headers=GZIP)),
    Fault(name="gzip that unpacks to nothing for ever", reply=made(lambda: gzip.compress(b"") * 600_000, PACKED)),
    Fault(name="shorter than its length", reply=Reply(b"short", headers={"Content-Length": "100"})),
    Fault(name="another encoding", reply=Reply(b"?", headers={"Content-Encoding": "zstd"})),
    Fault(name="a byte now and then", reply=Reply(raw=drip)),
    Fault(name="a byte of a header now and then", reply=Reply(raw=drip_headers)),
    Fault(name="silence", reply=Reply(raw=silence)),
    Fault(name="hangs up", reply=Reply(raw=hang_up)),
    Fault(name="headers without end", reply=Reply(raw=endless_headers)),
    Fault(name="a header line of 1 MB", reply=made(lambda: b"x" * 1_000_000, b"HTTP/1.1 200 OK\r\nA: ")),
    Fault(name="101 headers", reply=Reply(raw=says(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n"))),
    Fault(name="100 Continue without end", reply=Reply(raw=endless_interim)),
    Fault(name="103 Early Hints without end", reply=made(lambda: b"HTTP/1.1 103 Early Hints\r\n\r\n" * 100_000, b"")),
    Fault(name="HTTP/0.9", reply=Reply(raw=says(b"<rss/>"))),
    Fault(name="another protocol", reply=Reply(raw=says(b"220 mail.example.org ESMTP\r\n"))),
    Fault(name="a chunk of size -1, 40 MB", reply=made(lambda: b"-1\r\n" + bytes(4 * MAX_BYTES), CHUNKED)),
    Fault(name="a chunk of 4 GB", reply=made(lambda: b"ffffffff\r\n" + bytes(4 * MAX_BYTES), CHUNKED)),
    Fault(name="a chunk for each byte", reply=made(lambda: b"1\r\nx\r\n" * 3_000_000, CHUNKED)),
    Fault(name="a chunk extension without end", reply=made(lambda: b"1;" + b"x" * 10_000_000, CHUNKED)),
    Fault(name="a redirect loop", reply=to("{path}")),
    Fault(name="a redirect to nowhere", reply=Reply(status=302)),
    Fault(name="a seventh place", reply=to("/six/6")),
    *(Fault(name=f"a redirect to {target.replace(':{plain}', '')!r}", reply=to(target)) for target in NOWHERE),
    *(Fault(name=f"asked for {host}", url=f"http://{host}:{{plain}}{{path}}", more=PUBLIC) for host in PRIVATE),
    Fault(name="a name of a private address", url=NAMED, more=PUBLIC),
    Fault(name="a name of many, some refused", url=NAMED, answers=("169.254.169.254 fe80::1%lo 127.0.0.1",)),
    Fault(name="a name that moves to cloud metadata", url=NAMED, answers=("127.0.0.1", "169.254.169.254"), times=2),
    Fault(name="a name server that is silent", url=NAMED, answers=None),
    Fault(name="a name that does not resolve", url=NAMED, answers=()),
    Fault(name="nobody listens", url="http://127.0.0.1:9/"),
    Fault(
        name="a redirect to another origin, with secrets",
        reply=to("http://127.0.0.1:{other}/"),
        url="http://user:secret@127.0.0.1:{plain}{path}",
        more={"headers": {"Cookie": "secret"}},
    ),
    Fault(name="304 Not Modified", reply=Reply(status=304), more={"etag": '"v1"'}),
    Fault(name="304 Not Modified, unasked", reply=Reply(status=304)),
    Fault(name="410 Gone", reply=Reply(status=410)),
    Fault(name="403 with a page of 40 MB", reply=made(lambda: bytes(4 * MAX_BYTES), b"HTTP/1.1 403 Forbidden\r\n\r\n")),
    Fault(name="429, in 120 s", reply=busy("120")),
    Fault(name="429, at an hour", reply=busy(format_datetime(NOW + timedelta(hours=1), usegmt=True))),
    Fault(name="429, in 1,000,000,000 s", reply=busy("1" + "0" * 9)),
    Fault(name="429, in -5 s", reply=busy("-5")),
    Fault(name="429, soon", reply=busy("soon")),
    Fault(name="TLS: a good certificate", url="https://127.0.0.1:{good}{path}"),
    Fault(name="TLS: a certificate that expired", url="https://127.0.0.1:{expired}{path}"),
    Fault(name="TLS: a certificate that nobody signed", url="https://127.0.0.1:{unknown}{path}"),
    Fault(name="TLS: a certificate of another name", url=f"https://{NAME}:{{good}}{{path}}"),
    Fault(name="TLS: a server that speaks none", url="https://127.0.0.1:{plain}{path}"),
    Fault(name="TLS: a handshake without end", url="https://127.0.0.1:{mute}{path}"),
)


def main() -> None:
    """Print a row for each fault."""
    if sys.argv[1:2] == ["serve"]:
        serve()
    elif len(sys.argv) > 1:
        measure(FAULTS[int(sys.argv[1])], json.loads(sys.argv[2]))
    else:
        _print_table()


def serve() -> None:
    """Misbehave until the input ends; say the ports first, and for each line the connections that there have been."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        certificates = {
            "good": make_certificate(folder / "good", "IP:127.0.0.1", VALID),
            "expired": make_certificate(folder / "expired", "IP:127.0.0.1", EXPIRED),
            "unknown": make_certificate(folder / "unknown", "IP:127.0.0.1", VALID),
        }
        trusted = folder / "trusted.pem"
        trusted.write_text("".join(certificates[name].file.read_text() for name in ("good", "expired")))
        servers = {name: FeedServer(tls=certificate.serving) for name, certificate in certificates.items()}
        servers |= {"plain": FeedServer(), "other": FeedServer()}
        mute = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        ports = {name: server.port for name, server in servers.items()} | {"mute": mute.getsockname()[1]}
        for server in servers.values():
            _script(stack.enter_context(server), ports)
        print(json.dumps({"ports": ports, "trusted": str(trusted)}), flush=True)
        for _ in sys.stdin:
            leaks = sum("secret" in str(one.headers.values()) for one in servers["other"].asked)
            print(sum(server.connections for server in servers.values()), leaks, flush=True)


def _script(server: FeedServer, ports: Mapping[str, int]) -> None:
    server.script("/", PLAIN)
    for number in range(1, 7):
        server.script(f"/six/{number}", to(f"/six/{number - 1}"))
    server.script("/six/0", PLAIN)
    for number, fault in enumerate(FAULTS):
        filled = {name: value.format(path=_path(number), **ports) for name, value in fault.reply.headers.items()}
        server.script(_path(number), replace(fault.reply, headers=filled))


def _path(number: int) -> str:
    return f"/{number}"


def measure(fault: Fault, world: Mapping[str, Any]) -> None:
    """Fetch, and print what came of it, seconds and megabytes at most."""
    os.environ["SSL_CERT_FILE"] = world["trusted"]
    request = Request(
        url=fault.url.format(path=_path(FAULTS.index(fault)), **world["ports"]), **{"internal": True, **fault.more}
    )
    fetcher = Fetcher(deadline=DEADLINE, resolve=_name_server(fault))
    begun = perf_counter()
    for _ in range(fault.times):
        outcome = fetcher.fetch(request, NOW)
    seconds = perf_counter() - begun
    fetcher.close()
    print(json.dumps([_words(outcome), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))


def _name_server(fault: Fault) -> Resolve:
    answers = iter(fault.answers or ())

    def resolve(*_: object, **__: object) -> list[tuple[Any, Any, Any, Any, tuple[str]]]:
        if fault.answers is None:
            threading.Event().wait()
        if fault.answers == ():
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return [(0, 0, 0, "", (ip,)) for ip in next(answers).split()]

    return resolve


def _words(outcome: Outcome) -> str:
    if isinstance(outcome, Fetched):
        return f"fetched {len(outcome.body):,} bytes"
    if isinstance(outcome, Failed):
        return f"{outcome}; wait {outcome.retry_after}" if outcome.retry_after is not None else str(outcome)
    return "not modified"


def _print_table() -> None:
    command = [sys.executable, "-m", "tests.bench.misbehaving"]
    with subprocess.Popen(
        [*command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as server:
        assert server.stdin
        assert server.stdout
        world = server.stdout.readline()
        plain, connections = 0.0, 0
        print(f"{'':<58}{'seconds':>8}{'MB':>7}{'asked':>7}  outcome")
        for number, fault in enumerate(FAULTS):
            done = subprocess.run([*command, str(number), world], capture_output=True, text=True, check=True, cwd=ROOT)
            words, seconds, megabytes = json.loads(done.stdout)
            plain = plain or megabytes
            server.stdin.write("\n")
            server.stdin.flush()
            total, leaks = map(int, server.stdout.readline().split())
            leaked = "; SECRETS LEAKED" if leaks else ""
            print(f"{fault.name:<58}{seconds:>8.2f}{megabytes - plain:>7.1f}{total - connections:>7}  {words}{leaked}")
            connections = total
        server.stdin.close()


if __name__ == "__main__":
    main()
