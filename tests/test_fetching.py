import gzip
import threading
import time
import zlib
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from monitor.ingest.fetching import MAX_BYTES, Failed, Failure, Fetched, Fetcher, NotModified, Request
from tests.feedserver import FeedServer, Reply, drip, endless_headers, hang_up, silence

HOUR = timedelta(hours=1)


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


def failure(outcome: object) -> Failure:
    assert isinstance(outcome, Failed), outcome
    return outcome.reason


def test_a_body_comes_with_its_type_and_validators(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    headers = {"Content-Type": "application/rss+xml", "ETag": '"v1"', "Last-Modified": "Tue, 24 Nov 2026 08:00:00 GMT"}
    url = server.script("/feed", Reply(b"<rss/>", headers=headers))
    assert fetcher.fetch(Request(url=url), now) == Fetched(
        body=b"<rss/>",
        url=url,
        content_type="application/rss+xml",
        etag='"v1"',
        last_modified="Tue, 24 Nov 2026 08:00:00 GMT",
    )


def test_requests_say_who_asks_and_take_gzip_only(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    fetcher.fetch(Request(url=server.script("/", Reply(b"x"))), now)
    asked = server.asked[0].headers
    assert asked["user-agent"].startswith("monitor/")
    assert asked["accept-encoding"] == "gzip"
    assert "if-none-match" not in asked


def test_validators_are_sent_back_and_304_is_not_modified(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(status=304))
    assert fetcher.fetch(Request(url=url, etag='"v1"', last_modified="yesterday"), now) == NotModified()
    assert server.asked[0].headers["if-none-match"] == '"v1"'
    assert server.asked[0].headers["if-modified-since"] == "yesterday"


def test_a_validator_that_cannot_be_sent_back_is_not_kept(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    outcome = fetcher.fetch(Request(url=server.script("/", Reply(b"x", headers={"ETag": '"\xe9"'}))), now)
    assert isinstance(outcome, Fetched)
    assert outcome.etag is None


def test_cookies_are_not_kept(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(b"x", headers={"Set-Cookie": "a=b"}))
    fetcher.fetch(Request(url=url), now)
    fetcher.fetch(Request(url=url), now)
    assert "cookie" not in server.asked[1].headers


def test_gzip_is_unpacked(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    body = b"news " * 100_000
    outcome = fetcher.fetch(
        Request(url=server.script("/", Reply(gzip.compress(body), headers={"Content-Encoding": "gzip"}))), now
    )
    assert isinstance(outcome, Fetched)
    assert outcome.body == body


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "deflate", "nonsense"])
def test_other_and_stacked_encodings_are_refused(
    server: FeedServer, fetcher: Fetcher, now: datetime, encoding: str
) -> None:
    twice = gzip.compress(gzip.compress(bytes(1 << 20)))
    url = server.script("/", Reply(twice, headers={"Content-Encoding": encoding}))
    assert failure(fetcher.fetch(Request(url=url), now)) is Failure.ENCODING


def test_a_bomb_is_given_up_at_the_cap(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    pack = zlib.compressobj(9, wbits=31)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(256)) + pack.flush()
    url = server.script("/", Reply(bomb, headers={"Content-Encoding": "gzip"}))
    assert failure(fetcher.fetch(Request(url=url), now)) is Failure.TOO_LARGE


def test_a_plain_body_over_the_cap_is_given_up(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    url = server.script("/", Reply(bytes(MAX_BYTES + 1)), Reply(bytes(MAX_BYTES)))
    assert failure(fetcher.fetch(Request(url=url), now)) is Failure.TOO_LARGE
    assert isinstance(fetcher.fetch(Request(url=url), now), Fetched)


WHOLE = gzip.compress(b"news " * 1000)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(WHOLE[:-20], headers={"Content-Encoding": "gzip"}),
        Reply(WHOLE[:20] + b"\xff\xff\xff" + WHOLE[23:], headers={"Content-Encoding": "gzip"}),
        Reply(b"no gzip at all", headers={"Content-Encoding": "gzip"}),
        Reply(b"short", headers={"Content-Length": "100"}),
        Reply(raw=hang_up),
        Reply(raw=endless_headers),
    ],
    ids=["cut gzip", "corrupt gzip", "no gzip", "shorter than said", "hangs up", "endless headers"],
)
def test_half_an_answer_is_a_failure_that_may_pass(
    server: FeedServer, fetcher: Fetcher, now: datetime, reply: Reply
) -> None:
    outcome = fetcher.fetch(Request(url=server.script("/", reply)), now)
    assert failure(outcome) is Failure.CUT_OFF
    assert isinstance(outcome, Failed)
    assert outcome.retryable


@pytest.mark.parametrize("raw", [drip, silence])
def test_the_whole_answer_has_one_deadline(server: FeedServer, hasty: Fetcher, now: datetime, raw: object) -> None:
    url = server.script("/", Reply(raw=raw))  # type: ignore[arg-type] # one of the two above
    started = time.monotonic()
    assert failure(hasty.fetch(Request(url=url), now)) is Failure.TOO_SLOW
    assert time.monotonic() - started < 5


def test_nobody_listens(fetcher: Fetcher, now: datetime) -> None:
    assert failure(fetcher.fetch(Request(url="http://127.0.0.1:9/feed"), now)) is Failure.UNREACHABLE


def test_twenty_slow_servers_do_not_delay_a_healthy_one(server: FeedServer, hasty: Fetcher, now: datetime) -> None:
    slow, healthy = server.script("/slow", Reply(raw=drip)), server.script("/healthy", Reply(b"x"))
    with ThreadPoolExecutor(21) as threads:
        waiting = [threads.submit(hasty.fetch, Request(url=slow), now) for _ in range(20)]
        outcome = threads.submit(hasty.fetch, Request(url=healthy), now).result(timeout=5)
        assert isinstance(outcome, Fetched)
        assert {failure(one.result(timeout=10)) for one in waiting} == {Failure.TOO_SLOW}


def test_redirects_are_followed_at_most_five_times(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    for number in range(6):
        server.script(f"/{number}", Reply(status=302, headers={"Location": f"/{number + 1}"}))
    server.script("/6", Reply(b"there"))
    outcome = fetcher.fetch(Request(url=server.url("/1")), now)
    assert isinstance(outcome, Fetched)
    assert outcome.url == server.url("/6")
    assert failure(fetcher.fetch(Request(url=server.url("/0")), now)) is Failure.REDIRECT


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "javascript:alert(1)", "http://"])
def test_redirects_out_of_the_web_are_refused(server: FeedServer, fetcher: Fetcher, now: datetime, target: str) -> None:
    url = server.script("/", Reply(status=301, headers={"Location": target}))
    assert failure(fetcher.fetch(Request(url=url), now)) is Failure.REDIRECT


def test_a_password_in_the_address_does_not_go_to_another_server(fetcher: Fetcher, now: datetime) -> None:
    with FeedServer() as first, FeedServer() as second:
        url = first.script("/", Reply(status=302, headers={"Location": second.script("/", Reply(b"x"))}))
        fetcher.fetch(Request(url=url.replace("://", "://user:secret@")), now)
        assert first.asked[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in second.asked[0].headers


def test_no_failure_tells_the_address_with_its_secrets(server: FeedServer, hasty: Fetcher, now: datetime) -> None:
    scripts = [
        Reply(status=403),
        Reply(raw=hang_up),
        Reply(raw=silence),
        Reply(status=302, headers={"Location": "x:y"}),
    ]
    for reply in scripts:
        url = server.script("/?token=canary", reply).replace("://", "://user:canary@")
        assert "canary" not in str(hasty.fetch(Request(url=url), now))


def test_gone_is_gone(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    outcome = fetcher.fetch(Request(url=server.script("/", Reply(status=410))), now)
    assert outcome == Failed(reason=Failure.GONE, detail="410 Gone", retryable=False)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 502])
def test_an_error_page_is_a_failure(server: FeedServer, fetcher: Fetcher, now: datetime, status: int) -> None:
    outcome = fetcher.fetch(Request(url=server.script("/", Reply(b"<html>", status=status))), now)
    assert failure(outcome) is Failure.REFUSED
    assert str(status) in str(outcome)


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
        outcome = fetcher.fetch(Request(url=url), now)
        assert isinstance(outcome, Failed)
        assert (outcome.reason, outcome.retry_after) == (Failure.BUSY, wait)


@pytest.mark.parametrize(("ahead", "wait"), [(HOUR, HOUR), (-HOUR, timedelta(0)), (48 * HOUR, 24 * HOUR)])
def test_retry_after_may_be_a_date(
    server: FeedServer, fetcher: Fetcher, now: datetime, ahead: timedelta, wait: timedelta
) -> None:
    url = server.script("/", Reply(status=503, headers={"Retry-After": format_datetime(now + ahead, usegmt=True)}))
    outcome = fetcher.fetch(Request(url=url), now)
    assert isinstance(outcome, Failed)
    assert outcome.retry_after == wait


def test_closing_gives_up_what_is_under_way(server: FeedServer, now: datetime) -> None:
    fetcher = Fetcher()
    arrived = threading.Event()

    def answer(_: object, closing: threading.Event) -> None:
        arrived.set()
        closing.wait()

    url = server.script("/", Reply(raw=answer))
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(fetcher.fetch, Request(url=url), now)
        assert arrived.wait(10)
        fetcher.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)
    fetcher.close()
    with pytest.raises(CancelledError):
        fetcher.fetch(Request(url=url), now)
