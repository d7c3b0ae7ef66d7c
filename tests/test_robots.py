from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from monitor.ingest.fetching import Fetcher
from monitor.ingest.robots import ASKED_AGAIN, KEPT, Robots
from tests.feedserver import FeedServer, Reply, hang_up

RULES = """\
User-agent: *
Disallow: /

User-agent: Monitor
Disallow: /private/
Allow: /private/feed$
Disallow: /أخبار/سرية
Crawl-delay: 7

Sitemap: https://example.org/news.xml
Sitemap: https://example.org/أخبار.xml
""".encode()


class Noting(Fetcher):
    """A fetcher that notes how far apart it was asked to keep requests."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[tuple[str, timedelta]] = []

    def slow_down(self, host: str, gap: timedelta) -> None:
        self.gaps.append((host, gap))
        super().slow_down(host, gap)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def fetcher() -> Iterator[Noting]:
    made = Noting()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "is_allowed"),
    [
        ("/", True),
        ("/feed", True),
        ("/private/", False),
        ("/private/feed", True),
        ("/private/feed?all", False),
        ("/أخبار/", True),
        ("/أخبار/سرية/1", False),
        ("/%D8%A3%D8%AE%D8%A8%D8%A7%D8%B1/%D8%B3%D8%B1%D9%8A%D8%A9", False),
    ],
)
def test_the_rules_for_monitor_are_followed(
    server: FeedServer, fetcher: Fetcher, now: datetime, path: str, is_allowed: bool
) -> None:
    server.script("/robots.txt", Reply(RULES))
    words = Robots(fetcher).allowed(server.url(path), now, internal=True)
    assert words == (None if is_allowed else "robots.txt of 127.0.0.1 disallows it")


def test_the_rules_for_all_are_followed_where_there_are_none_for_monitor(
    server: FeedServer, fetcher: Fetcher, now: datetime
) -> None:
    server.script("/robots.txt", Reply(b"\xef\xbb\xbfUser-agent: *\nDisallow: /x\n\nUser-agent: other\nDisallow: /\n"))
    robots = Robots(fetcher)
    assert robots.allowed(server.url("/feed"), now, internal=True) is None
    assert robots.allowed(server.url("/x"), now, internal=True)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 429])
def test_no_robots_txt_allows_everything(server: FeedServer, fetcher: Fetcher, now: datetime, status: int) -> None:
    server.script("/robots.txt", Reply(status=status))
    assert Robots(fetcher).allowed(server.url("/feed"), now, internal=True) is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=500), "refused: 500 Internal Server Error"),
        (Reply(status=503), "asked to wait: 503 Service Unavailable"),
        (Reply(raw=hang_up), "cut off or damaged: no answer in HTTP"),
        (Reply(b"User-agent: a\n" * 3_000 + b"Disallow: /\n" * 3_000), "too many rules"),
    ],
    ids=["error", "busy", "cut off", "too many rules"],
)
def test_a_robots_txt_that_cannot_be_read_keeps_us_away_for_a_while(
    server: FeedServer, fetcher: Fetcher, now: datetime, reply: Reply, words: str
) -> None:
    robots, url = Robots(fetcher), server.url("/feed")
    server.script("/robots.txt", reply, Reply(b""))
    assert robots.allowed(url, now, internal=True) == f"robots.txt of 127.0.0.1 cannot be read: {words}"
    assert robots.allowed(url, now + ASKED_AGAIN / 2, internal=True)
    assert robots.allowed(url, now + ASKED_AGAIN, internal=True) is None


def test_each_origin_is_asked_once_a_day(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    robots = Robots(fetcher)
    server.script("/robots.txt", Reply(RULES))
    for when in (now, now + KEPT / 2, now + KEPT):
        robots.allowed(server.url("/feed"), when, internal=True)
        robots.allowed(server.url("/private/"), when, internal=True)
        robots.sitemaps(server.url("/feed"), when, internal=True)
    assert [one.path for one in server.asked] == ["/robots.txt"] * 2


def test_who_comes_meanwhile_waits_for_the_answer(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    robots = Robots(fetcher)
    server.script("/robots.txt", Reply(RULES))
    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(robots.allowed, server.url("/private/"), now, internal=True) for _ in range(32)]
        assert all(one.result(timeout=10) for one in asked)
    assert len(server.asked) == 1


def test_only_the_beginning_of_a_long_one_counts(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    server.script("/robots.txt", Reply(b"#" * 500_000 + b"\nUser-agent: *\nDisallow: /\n"))
    assert Robots(fetcher).allowed(server.url("/feed"), now, internal=True) is None


@pytest.mark.parametrize(
    ("delay", "gaps"),
    [("7", [7]), ("0.5", [0.5]), ("1e300", [30]), ("86400", [30]), ("-1", []), ("soon", []), ("nan", [])],
)
def test_a_crawl_delay_is_handed_on_within_bounds(
    server: FeedServer, fetcher: Noting, now: datetime, delay: str, gaps: list[float]
) -> None:
    server.script("/robots.txt", Reply(f"User-agent: *\nCrawl-delay: {delay}\n".encode()))
    Robots(fetcher).allowed(server.url("/feed"), now, internal=True)
    assert fetcher.gaps == [("127.0.0.1", timedelta(seconds=gap)) for gap in gaps]


def test_site_maps_are_listed(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    server.script("/robots.txt", Reply(RULES))
    robots = Robots(fetcher)
    assert robots.sitemaps(server.url("/feed"), now, internal=True) == (
        "https://example.org/news.xml",
        "https://example.org/أخبار.xml",
    )
    assert robots.sitemaps("file:///etc/hostname", now) == ()


def test_what_is_refused_is_not_asked_about(server: FeedServer, fetcher: Fetcher, now: datetime) -> None:
    robots = Robots(fetcher)
    assert robots.allowed("http://a@b@example.org/", now) == "its address is refused: it is no URL of the web"
    assert "address refused: it is loopback" in (robots.allowed(server.url("/feed"), now) or "")
    assert server.connections == 0
