import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timedelta
from email.utils import format_datetime
from io import BufferedIOBase
from pathlib import Path
from typing import Any, NoReturn

import pytest

from monitor.ingest.connecting import Resolve
from monitor.ingest.fetching import (
    MAX_BYTES,
    MAX_CHUNKS,
    MAX_ERROR_PAGE,
    Failed,
    Failure,
    Fetched,
    Fetcher,
    NotModified,
    Outcome,
    Request,
)
from tests.certificates import EXPIRED, VALID, Certificate, make_certificate
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

HOUR = timedelta(hours=1)
WHOLE = gzip.compress(b"news " * 1000)


def announce(out: BufferedIOBase, closing: threading.Event) -> None:
    """Announce a large body, and keep it back."""
    out.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (MAX_BYTES + 1))
    out.flush()
    closing.wait()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def fetcher() -> Iterator[Fetcher]:
    made = Fetcher(deadline=timedelta(seconds=10))
    yield made
    made.close()


@pytest.fixture
def hasty() -> Iterator[Fetcher]:
    made = Fetcher(deadline=timedelta(seconds=1))
    yield made
    made.close()


def ask(url: str, **more: Any) -> Request:  # noqa: ANN401 - what a request is made of
    return Request(url=url, **{"internal": True, **more})


def failure(outcome: object) -> Failure:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


def test_a_body_comes_with_its_type_and_validators(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    headers = {"Content-Type": "application/rss+xml", "ETag": '"v1"', "Last-Modified": "Tue, 24 Nov 2026 08:00:00 GMT"}
    url = server.script("/feed", Reply(b"<rss/>", headers=headers))
    outcome = fetcher.fetch(ask(url), now)
    assert isinstance(outcome, Fetched)
    assert (outcome.status, outcome.body, outcome.url) == (200, b"<rss/>", url)
    assert (outcome.content_type, outcome.etag, outcome.last_modified) == tuple(headers.values())
    assert outcome.headers["content-length"] == "6"
    assert (outcome.hops, outcome.moved, outcome.fresh_for) == (0, None, None)


def test_requests_say_who_asks_and_take_gzip_only(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    fetcher.fetch(ask(server.script("/", Reply(b"x"))), now)
    asked = server.asked[0].headers
    assert asked["user-agent"].startswith("monitor/")
    assert asked["accept-encoding"] == "gzip"
    assert "if-none-match" not in asked


def test_validators_are_sent_back_and_304_is_not_modified(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(status=304))
    assert fetcher.fetch(ask(url, etag='"v1"', last_modified="yesterday"), now) == NotModified()
    assert server.asked[0].headers["if-none-match"] == '"v1"'
    assert server.asked[0].headers["if-modified-since"] == "yesterday"


def test_a_validator_that_cannot_be_sent_back_is_not_kept(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    outcome = fetcher.fetch(ask(server.script("/", Reply(b"x", headers={"ETag": '"\xe9"'}))), now)
    assert isinstance(outcome, Fetched)
    assert outcome.etag is None


def test_cookies_are_not_kept(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(b"x", headers={"Set-Cookie": "a=b"}))
    fetcher.fetch(ask(url), now)
    fetcher.fetch(ask(url), now)
    assert "cookie" not in server.asked[1].headers


def test_gzip_is_unpacked(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    body = b"news " * 100_000
    outcome = fetcher.fetch(
        ask(server.script("/", Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}))), now
    )
    assert isinstance(outcome, Fetched)
    assert outcome.body == body


@pytest.mark.parametrize("encoding", ["gzip, gzip", "gzip,br", "br", "zstd", "deflate", "nonsense"])
def test_other_and_stacked_encodings_are_refused(
    server: FeedServer, fetcher: Fetcher, now: datetime, encoding: str
) -> None:
    twice = gzip.compress(gzip.compress(bytes(1 << 20)))
    url = server.script("/", Reply(twice, headers={"Content-Encoding": encoding}))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.ENCODING


@pytest.mark.parametrize(
    "header", [b"Content-Encoding: gzip\r\nContent-Encoding: gzip", b"Transfer-Encoding: gzip, chunked"]
)
def test_encodings_may_be_stacked_by_headers(
    server: FeedServer, fetcher: Fetcher, now: datetime, header: bytes
) -> None:
    url = server.script("/", Reply(raw=says(b"HTTP/1.1 200 OK\r\n" + header + b"\r\n\r\n" + WHOLE)))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.ENCODING


def test_a_body_that_is_announced_as_too_large_is_not_read(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(raw=announce))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.TOO_LARGE


def test_members_that_unpack_to_nothing_are_bounded_too(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    empty = gzip.compress(b"") * (MAX_BYTES // 20 + 1)
    url = server.script("/", Reply(raw=says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + empty)))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.TOO_LARGE


def test_a_bomb_is_given_up_at_the_cap(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    pack = zlib.compressobj(9, wbits=31)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(256)) + pack.flush()
    url = server.script("/", Reply(bomb, headers={"Content-Encoding": "gzip"}))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.TOO_LARGE


def test_a_plain_body_over_the_cap_is_given_up(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(bytes(MAX_BYTES + 1)), Reply(bytes(MAX_BYTES)))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.TOO_LARGE
    assert isinstance(fetcher.fetch(ask(url), now), Fetched)


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HALF_ANSWERS = {
    "cut gzip": Reply(WHOLE[:-20], headers={"Content-Encoding": "gzip"}),
    "corrupt gzip": Reply(WHOLE[:20] + b"\xff\xff\xff" + WHOLE[23:], headers={"Content-Encoding": "gzip"}),
    "cut second member": Reply(WHOLE + WHOLE[:-20], headers={"Content-Encoding": "gzip"}),
    "no gzip": Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
    "shorter than said": Reply(b"short", headers={"Content-Length": "100"}),
    "hangs up": Reply(raw=hang_up),
    "hangs up in the status": Reply(raw=says(b"HTTP/1.1 2")),
    "hangs up in a chunk": Reply(raw=says(CHUNKED + b"10\r\nabc")),
    "hangs up between chunks": Reply(raw=says(CHUNKED + b"3\r\nabc\r\n")),
    "HTTP/0.9": Reply(raw=says(b"<rss/>")),
    "HTTP/2": Reply(raw=says(b"HTTP/2 200 OK\r\n\r\n")),
    "another protocol": Reply(raw=says(b"SSH-2.0-OpenSSH_9.2\r\n")),
    "a status out of range": Reply(raw=says(b"HTTP/1.1 99 OK\r\n\r\n")),
    "a status without a number": Reply(raw=says(b"HTTP/1.1 OK\r\n\r\n")),
    "a long status line": Reply(raw=says(b"HTTP/1.1 200 " + b"x" * 70_000)),
    "endless headers": Reply(raw=endless_headers),
    "endless interim answers": Reply(raw=endless_interim),
    "many interim answers": Reply(raw=says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 11)),
    "101 headers": Reply(raw=says(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 101 + b"\r\n")),
    "a header of 65 KB": Reply(raw=says(b"HTTP/1.1 200 OK\r\nA: " + b"b" * 65_536 + b"\r\n\r\n")),
    "headers of 300 KB": Reply(raw=says(b"HTTP/1.1 200 OK\r\n" + (b"A: " + b"b" * 60_000 + b"\r\n") * 5 + b"\r\n")),
    "a chunk of size -1": Reply(raw=says(CHUNKED + b"-1\r\n" + b"x" * 100_000)),
    "a chunk of size +5": Reply(raw=says(CHUNKED + b"+5\r\nabcde\r\n0\r\n\r\n")),
    "a chunk of size 1_0": Reply(raw=says(CHUNKED + b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n")),
    "a chunk of size 0x5": Reply(raw=says(CHUNKED + b"0x5\r\nabcde\r\n0\r\n\r\n")),
    "a chunk of an enormous size": Reply(raw=says(CHUNKED + b"f" * 17 + b"\r\nabc")),
    "a chunk without a size": Reply(raw=says(CHUNKED + b"\r\nabc")),
    "a chunk that is longer than said": Reply(raw=says(CHUNKED + b"3\r\nabcde\r\n0\r\n\r\n")),
    "an endless chunk extension": Reply(raw=says(CHUNKED + b"3;" + b"x" * 100_000)),
    "a chunk for each byte": Reply(raw=says(CHUNKED + b"1\r\nx\r\n" * (MAX_CHUNKS + 1))),
}


@pytest.mark.parametrize("reply", HALF_ANSWERS.values(), ids=HALF_ANSWERS)
def test_half_an_answer_is_a_failure_that_may_pass(
    server: FeedServer, fetcher: Fetcher, now: datetime, reply: Reply
) -> None:
    outcome = fetcher.fetch(ask(server.script("/", reply)), now)
    assert failure(outcome) is Failure.CUT_OFF
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize("raw", [drip, drip_headers, silence])
def test_the_whole_answer_has_one_deadline(server: FeedServer, hasty: Fetcher, now: datetime, raw: object) -> None:
    url = server.script("/", Reply(raw=raw))  # type: ignore[arg-type] # one of the two above
    started = time.monotonic()
    assert failure(hasty.fetch(ask(url), now)) is Failure.TOO_SLOW
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("raw", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nTrailer: x\r\n\r\n", b"abcde"),
        (CHUNKED + b"3\nabc\n0\n\n", b"abc"),
        (b"HTTP/1.0 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 200\r\nContent-Length: 3\r\n\r\nabc and more", b"abc"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc", b"abc"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 205 Reset Content\r\n\r\nabc", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 0\r\n\r\n", b""),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
            + gzip.compress(b"ab", mtime=0)
            + gzip.compress(b"c", mtime=0),
            b"abc",
        ),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: x-gzip\r\n\r\n" + gzip.compress(b"abc", mtime=0) + b"\0\0rubbish",
            b"abc",
        ),
    ],
)
def test_answers_that_are_unusual_and_whole_are_read(
    server: FeedServer, fetcher: Fetcher, now: datetime, raw: bytes, body: bytes
) -> None:
    outcome = fetcher.fetch(ask(server.script("/", Reply(raw=says(raw)))), now)
    assert isinstance(outcome, Fetched), outcome
    assert outcome.body == body


def test_nobody_listens(fetcher: Fetcher, now: datetime) -> None:
    assert failure(fetcher.fetch(ask("http://127.0.0.1:9/feed"), now)) is Failure.UNREACHABLE


def test_twenty_slow_servers_do_not_delay_a_healthy_one(server: FeedServer, hasty: Fetcher, now: datetime) -> None:
    slow, healthy = server.script("/slow", Reply(raw=drip)), server.script("/healthy", Reply(b"x"))
    with ThreadPoolExecutor(21) as threads:
        waiting = [threads.submit(hasty.fetch, ask(slow), now) for _ in range(20)]
        outcome = threads.submit(hasty.fetch, ask(healthy), now).result(timeout=5)
        assert isinstance(outcome, Fetched)
        assert {failure(one.result(timeout=10)) for one in waiting} == {Failure.TOO_SLOW}


def test_redirects_are_followed_at_most_five_times(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    for number in range(6):
        server.script(f"/{number}", Reply(status=302, headers={"Location": f"/{number + 1}"}))
    server.script("/6", Reply(b"there"))
    outcome = fetcher.fetch(ask(server.url("/1")), now)
    assert isinstance(outcome, Fetched)
    assert outcome.url == server.url("/6")
    assert failure(fetcher.fetch(ask(server.url("/0")), now)) is Failure.REDIRECT


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "javascript:alert(1)", "http://"])
def test_redirects_out_of_the_web_are_refused(server: FeedServer, fetcher: Fetcher, now: datetime, target: str) -> None:
    url = server.script("/", Reply(status=301, headers={"Location": target}))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.REDIRECT


def test_a_redirect_to_nowhere_is_a_failure(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    assert failure(fetcher.fetch(ask(server.script("/", Reply(status=302))), now)) is Failure.REDIRECT


def test_a_redirect_may_name_an_arabic_path_in_bytes(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    answer = "HTTP/1.1 301 Moved\r\nLocation: /أخبار#آخر\r\n\r\n".encode()
    server.script("/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1", Reply(b"there"))
    outcome = fetcher.fetch(ask(server.script("/", Reply(raw=says(answer)))), now)
    assert isinstance(outcome, Fetched)
    assert outcome.body == b"there"


@pytest.mark.parametrize(
    ("statuses", "is_moved"),
    [([301], True), ([308, 301], True), ([302], False), ([301, 302], False), ([307, 308], False)],
)
def test_a_feed_has_moved_if_every_redirect_is_for_ever(
    server: FeedServer, fetcher: Fetcher, now: datetime, statuses: list[int], is_moved: bool
) -> None:
    for number, status in enumerate(statuses):
        server.script(f"/{number}", Reply(status=status, headers={"Location": f"/{number + 1}"}))
    last = server.script(f"/{len(statuses)}", Reply(b"there"))
    outcome = fetcher.fetch(ask(server.url("/0")), now)
    assert isinstance(outcome, Fetched)
    assert (outcome.hops, outcome.moved) == (len(statuses), last if is_moved else None)


def test_secrets_and_validators_are_the_first_origin_s_alone_and_do_not_come_back(
    fetcher: Fetcher, now: datetime
) -> None:
    with FeedServer() as first, FeedServer() as second:
        first.script("/", Reply(status=302, headers={"Location": "/on"}))
        first.script("/on", Reply(status=302, headers={"Location": second.url("/").replace("://", "://a:b@")}))
        second.script("/", Reply(status=302, headers={"Location": first.url("/back")}))
        url = first.url("/").replace("://", "://user:secret@")
        fetcher.fetch(ask(url, etag='"v1"', headers={"X-Api-Key": "k", "cookie": "c=d"}), now)
    secrets = {"authorization", "x-api-key", "cookie", "if-none-match"}
    held = [(one.path, secrets & one.headers.keys()) for one in [*first.asked, *second.asked]]
    assert held == [("/", secrets), ("/on", secrets), ("/back", set()), ("/", set())]


def test_the_headers_of_a_source_stand_in_for_ours(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    headers = {"user-agent": "reader", "ACCEPT": "*/*", "Accept-Encoding": "br"}
    fetcher.fetch(ask(server.script("/", Reply(b"x")), headers=headers), now)
    asked = server.asked[0].headers
    assert (asked["user-agent"], asked["accept"], asked["accept-encoding"]) == ("reader", "*/*", "gzip")


def test_a_header_of_two_lines_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="control character"):
        Request(url="http://example.org/", headers={"X-Key": "a\r\nHost: b"})


# --- Whom we may ask -------------------------------------------------------------------------------------------------


def answering(*answers: list[str]) -> tuple[Resolve, list[str]]:
    """A name server that gives these answers in turn, the last for ever, and what it was asked for."""
    asked: list[str] = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[int, int, int, str, tuple[str, int]]]:
        asked.append(host)
        return [(0, 0, 0, "", (ip, 0)) for ip in answers[min(len(asked), len(answers)) - 1]]

    return resolve, asked


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.0.0.1.", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127。0。0。1", "a.example.org"]
)
def test_private_networks_are_not_asked(server: FeedServer, now: datetime, host: str) -> None:
    resolve, _ = answering(["127.0.0.1", "::1"])
    with closing(Fetcher(resolve=resolve)) as fetcher:
        outcome = fetcher.fetch(Request(url=server.url(host=host)), now)
    assert failure(outcome) is Failure.ADDRESS
    assert server.connections == 0


@pytest.mark.parametrize("host", ["169.254.169.254", "metadata.example.org", "[fd00:ec2::254]", "0.0.0.0", "[::]"])
def test_internal_requests_do_not_reach_everything(server: FeedServer, now: datetime, host: str) -> None:
    resolve, _ = answering(["169.254.169.254"])
    with closing(Fetcher(resolve=resolve)) as fetcher:
        assert failure(fetcher.fetch(ask(server.url(host=host)), now)) is Failure.ADDRESS
    assert server.connections == 0


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/", "http://[::ffff:a9fe:a9fe]/", "http://[2002:a9fe:a9fe::]/"]
)
def test_a_redirect_is_judged_as_the_first_url_is(
    server: FeedServer, fetcher: Fetcher, now: datetime, target: str
) -> None:
    url = server.script("/", Reply(status=302, headers={"Location": target}))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.ADDRESS


def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(server: FeedServer, now: datetime) -> None:
    resolve, asked = answering(["127.0.0.1"], ["169.254.169.254"])
    url = server.script("/", Reply(b"x")).replace("127.0.0.1", "Feeds.example.org")
    with closing(Fetcher(resolve=resolve)) as fetcher:
        assert isinstance(fetcher.fetch(ask(url), now), Fetched)
        assert isinstance(fetcher.fetch(ask(url), now), Fetched)
    assert asked == ["feeds.example.org"]
    assert server.asked[0].headers["host"] == f"feeds.example.org:{server.port}"


def test_of_an_answer_only_what_is_allowed_is_connected_to(server: FeedServer, now: datetime) -> None:
    resolve, _ = answering(["169.254.169.254", "fe80::1%lo", "127.0.0.1"])
    url = server.script("/", Reply(b"x")).replace("127.0.0.1", "feeds.example.org")
    with closing(Fetcher(resolve=resolve)) as fetcher:
        assert isinstance(fetcher.fetch(ask(url), now), Fetched)
        assert failure(fetcher.fetch(Request(url=url), now)) is Failure.ADDRESS
    assert server.connections == 1


def test_the_next_address_is_tried_where_nobody_answers(server: FeedServer, now: datetime) -> None:
    resolve, _ = answering(["127.0.0.2", "::1", "127.0.0.1"])
    url = server.script("/", Reply(b"x")).replace("127.0.0.1", "feeds.example.org")
    with closing(Fetcher(resolve=resolve)) as fetcher:
        assert isinstance(fetcher.fetch(ask(url), now), Fetched)


def test_a_name_may_not_resolve(now: datetime) -> None:
    def resolve(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with closing(Fetcher(resolve=resolve)) as fetcher:
        outcome = fetcher.fetch(Request(url="http://feeds.example.org/"), now)
    assert str(outcome) == "name does not resolve: Name or service not known"


def test_a_name_server_that_never_answers_is_waited_for_no_longer_than_others(now: datetime) -> None:
    ended = threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        ended.wait()
        return []

    with closing(Fetcher(deadline=timedelta(seconds=0.5), resolve=resolve)) as fetcher:
        outcome = fetcher.fetch(Request(url="http://feeds.example.org/"), now)
    ended.set()
    assert failure(outcome) is Failure.TOO_SLOW


@pytest.mark.parametrize(
    "url", ["http://2130706433/", "http://a@b\\@c/", "file:///etc/hostname", "http://user:canary@"]
)
def test_what_is_no_url_of_the_web_is_not_asked_for(fetcher: Fetcher, now: datetime, url: str) -> None:
    outcome = fetcher.fetch(ask(url), now)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.retryable) == (Failure.ADDRESS, False)
    assert "canary" not in str(outcome)


# --- TLS -------------------------------------------------------------------------------------------------------------


def fetch_by_tls(certificate: Certificate, now: datetime, host: str = "127.0.0.1") -> Outcome:
    resolve, _ = answering(["127.0.0.1"])
    with FeedServer(tls=certificate.serving) as server, closing(Fetcher(resolve=resolve)) as fetcher:
        server.script("/", Reply(b"secret news"))
        return fetcher.fetch(ask(server.url(host=host)), now)


@pytest.mark.parametrize("host", ["127.0.0.1", "feeds.example.org", "مثال.example.org"])
def test_a_certificate_is_held_against_the_name_that_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime, host: str
) -> None:
    names = "IP:127.0.0.1,DNS:feeds.example.org,DNS:xn--mgbh0fb.example.org"
    certificate = make_certificate(tmp_path / "made", names)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    outcome = fetch_by_tls(certificate, now, host)
    assert isinstance(outcome, Fetched), outcome
    assert outcome.body == b"secret news"


@pytest.mark.parametrize(
    ("names", "span", "is_trusted", "detail"),
    [
        ("IP:127.0.0.1", VALID, False, "certificate signed by itself"),
        ("IP:127.0.0.1", EXPIRED, True, "certificate expired"),
        ("IP:127.0.0.2", VALID, True, "certificate of another address"),
    ],
)
def test_a_bad_certificate_is_refused_in_words(  # noqa: PLR0913 - the case and its surroundings
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    now: datetime,
    names: str,
    span: tuple[str, str],
    is_trusted: bool,
    detail: str,
) -> None:
    certificate = make_certificate(tmp_path / "made", names, span)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    outcome = fetch_by_tls(certificate, now)
    assert str(outcome) == f"no secure connection: {detail}"


def test_a_certificate_of_another_name_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    certificate = make_certificate(tmp_path / "made", "DNS:other.example.org")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))
    assert str(fetch_by_tls(certificate, now, "feeds.example.org")).endswith("certificate of another name")


def test_a_server_that_speaks_no_tls_is_no_secure_one(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    outcome = fetcher.fetch(ask(server.url().replace("http:", "https:")), now)
    assert failure(outcome) in {Failure.TLS, Failure.CUT_OFF}


def test_a_silent_handshake_has_the_same_deadline(hasty: Fetcher, now: datetime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        outcome = hasty.fetch(ask(f"https://127.0.0.1:{silent.getsockname()[1]}/"), now)
    assert failure(outcome) is Failure.TOO_SLOW


# --- What a server says about its next answer ------------------------------------------------------------------------


def test_no_failure_tells_the_address_with_its_secrets(server: FeedServer, hasty: Fetcher, now: datetime) -> None:
    scripts = [
        Reply(status=403),
        Reply(raw=hang_up),
        Reply(raw=silence),
        Reply(status=302, headers={"Location": "x:y"}),
    ]
    for reply in scripts:
        url = server.script("/?token=canary", reply).replace("://", "://user:canary@")
        assert "canary" not in str(hasty.fetch(ask(url), now))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (400, Failure.REFUSED),
        (401, Failure.BLOCKED),
        (403, Failure.BLOCKED),
        (451, Failure.BLOCKED),
        (404, Failure.NOT_FOUND),
        (410, Failure.GONE),
        (429, Failure.BUSY),
        (500, Failure.REFUSED),
        (503, Failure.BUSY),
        (599, Failure.REFUSED),
        (304, Failure.REFUSED),
    ],
)
def test_an_error_page_is_a_failure(
    server: FeedServer, fetcher: Fetcher, now: datetime, status: int, reason: Failure
) -> None:
    outcome = fetcher.fetch(ask(server.script("/", Reply(b"", status=status))), now)
    assert isinstance(outcome, Failed)
    assert (outcome.reason, outcome.status) == (reason, status)
    assert str(status) in str(outcome)
    assert outcome.retryable is (status != 410)


def test_an_error_page_can_be_looked_at(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    page = gzip.compress(b"<title>Just a moment" + b" " * MAX_BYTES)
    headers = {"Content-Encoding": "gzip", "CF-Mitigated": "challenge"}
    outcome = fetcher.fetch(ask(server.script("/", Reply(page, status=403, headers=headers))), now)
    assert isinstance(outcome, Failed)
    assert outcome.headers["cf-mitigated"] == "challenge"
    assert outcome.body.startswith(b"<title>Just a moment")
    assert len(outcome.body) == MAX_ERROR_PAGE


@pytest.mark.parametrize(
    "headers", [{"Content-Length": "900"}, {"Content-Encoding": "gzip"}, {"Content-Encoding": "br"}]
)
def test_a_damaged_error_page_is_still_that_error(
    server: FeedServer, fetcher: Fetcher, now: datetime, headers: dict[str, str]
) -> None:
    url = server.script("/", Reply(b"short", status=500, headers=headers))
    assert failure(fetcher.fetch(ask(url), now)) is Failure.REFUSED


@pytest.mark.parametrize(
    ("headers", "fresh_for"),
    [
        ({"Cache-Control": "max-age=300"}, timedelta(minutes=5)),
        ({"Cache-Control": 'public, MAX-AGE="300"'}, timedelta(minutes=5)),
        ({"Cache-Control": "max-age=300", "Age": "100"}, timedelta(seconds=200)),
        ({"Cache-Control": "max-age=300", "Age": "1000"}, timedelta(0)),
        ({"Cache-Control": "max-age=300", "Age": "old"}, timedelta(minutes=5)),
        ({"Cache-Control": "s-maxage=300"}, None),
        ({"Cache-Control": "max-age=-300"}, None),
        ({"Cache-Control": "max-age=soon"}, None),
        ({"Cache-Control": "max-age=" + "9" * 400}, 24 * HOUR),
        ({"Cache-Control": "max-age=300, no-cache"}, timedelta(0)),
        ({"Cache-Control": "no-store"}, timedelta(0)),
        ({"Expires": "Tue, 24 Nov 2026 10:00:00 GMT", "Date": "Tue, 24 Nov 2026 09:00:00 GMT"}, HOUR),
        ({"Expires": "Tue, 24 Nov 2026 10:30:00 GMT"}, HOUR),
        ({"Expires": "Tue, 24 Nov 2026 08:30:00 GMT"}, timedelta(0)),
        ({"Expires": "Wed, 24 Nov 2027 08:30:00 GMT"}, 24 * HOUR),
        ({"Expires": "Tue, 24 Nov 2026 10:30:00 GMT", "Cache-Control": "max-age=60"}, timedelta(minutes=1)),
        ({"Expires": "0"}, None),
        ({"Expires": "Tue, 24 Nov 99999 10:30:00 GMT"}, None),
    ],
)
@pytest.mark.parametrize("status", [200, 304])
def test_how_long_nothing_is_new_is_read_within_a_day(  # noqa: PLR0913 - the case and its surroundings
    *,
    server: FeedServer,
    fetcher: Fetcher,
    now: datetime,
    headers: dict[str, str],
    fresh_for: timedelta | None,
    status: int,
) -> None:
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    url = server.script("/", Reply(raw=says(f"HTTP/1.1 {status} OK\r\n{head}\r\n".encode())))
    outcome = fetcher.fetch(ask(url, etag='"v1"'), now)
    assert isinstance(outcome, Fetched | NotModified)
    assert outcome.fresh_for == fresh_for


@pytest.mark.parametrize(
    ("header", "wait"),
    [
        ("120", timedelta(minutes=2)),
        ("-5", timedelta(0)),
        ("1" + "0" * 9, timedelta(hours=24)),
        ("9" * 400, timedelta(hours=24)),
        ("²", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_within_a_day(
    server: FeedServer, fetcher: Fetcher, now: datetime, header: str, wait: timedelta | None
) -> None:
    for status in (429, 503):
        url = server.script("/", Reply(status=status, headers={"Retry-After": header}))
        outcome = fetcher.fetch(ask(url), now)
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.retry_after) == (Failure.BUSY, wait)


@pytest.mark.parametrize(("ahead", "wait"), [(HOUR, HOUR), (-HOUR, timedelta(0)), (48 * HOUR, 24 * HOUR)])
def test_retry_after_may_be_a_date(
    server: FeedServer, fetcher: Fetcher, now: datetime, ahead: timedelta, wait: timedelta
) -> None:
    url = server.script("/", Reply(status=503, headers={"Retry-After": format_datetime(now + ahead, usegmt=True)}))
    outcome = fetcher.fetch(ask(url), now)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == wait


# --- Turns and closing -----------------------------------------------------------------------------------------------


def test_closing_gives_up_what_is_under_way(server: FeedServer, now: datetime) -> None:
    fetcher = Fetcher()
    arrived = threading.Event()

    def answer(_: object, closing: threading.Event) -> None:
        arrived.set()
        closing.wait()

    url = server.script("/", Reply(raw=answer))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(fetcher.fetch, ask(url), now)
        assert arrived.wait(10)
        fetcher.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)
    fetcher.close()
    with pytest.raises(CancelledError):
        fetcher.fetch(ask(url), now)


def test_closing_gives_up_a_look_up(now: datetime) -> None:
    asked, ended = threading.Event(), threading.Event()

    def resolve(*_: object, **__: object) -> list[Any]:
        asked.set()
        ended.wait()
        return []

    fetcher = Fetcher(resolve=resolve)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(fetcher.fetch, Request(url="http://feeds.example.org/"), now)
        assert asked.wait(10)
        fetcher.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)
    ended.set()


def test_closing_gives_up_who_waits_for_a_turn(now: datetime) -> None:
    fetcher = Fetcher(gap=timedelta(hours=1))
    fetcher.fetch(Request(url="http://127.0.0.1/"), now)
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(fetcher.fetch, Request(url="http://127.0.0.1/"), now)
        assert not waiting.done()
        fetcher.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)


def test_the_time_in_line_is_not_the_answer_s(now: datetime) -> None:
    with closing(Fetcher(deadline=timedelta(seconds=0.1), gap=timedelta(seconds=0.3))) as fetcher:
        for _ in range(2):
            assert failure(fetcher.fetch(Request(url="http://127.0.0.1/"), now)) is Failure.ADDRESS
