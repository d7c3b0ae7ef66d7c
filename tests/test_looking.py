"""Every kind of source, on a real server, through a real poller: what is published of it, and what is said of it."""

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from monitor import codec
from monitor.bus import open_bus
from monitor.ingest import looking
from monitor.ingest.fetching import Fetcher
from monitor.ingest.polling import Poller, PollOutcome
from monitor.model import Article, Event, Reason
from monitor.ports import SourceState
from monitor.settings import Source
from monitor.store import open_store
from tests.feedserver import FeedServer, Reply

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)

BODY = """ذكرت مصادر محلية أن أعمال الترميم في الجسر القديم بدأت صباح اليوم بعد توقف دام أشهرا بسبب نقص المواد.
وأضافت المصادر أن الشركة المنفذة وعدت بإنهاء المرحلة الأولى قبل نهاية الشهر المقبل، على أن يفتح الجسر أمام المشاة أولا
ثم أمام السيارات الصغيرة. وقال أحد سكان الحي إن إغلاق الجسر أجبر الأهالي على سلوك طريق أطول بعدة كيلومترات كل يوم."""

CHALLENGE = b"""<html><head><title>Just a moment...</title></head><body><div id="cf-wrapper"></div>
<script src="/cdn-cgi/challenge-platform/h/b/orchestrate/chl_page/v1"></script></body></html>"""


def page(title: str, body: str = BODY) -> bytes:
    paragraphs = "".join(f"<p>{part}</p>" for part in body.split("\n"))
    return f"""<html lang="ar"><head><meta charset="utf-8"><title>{title}</title></head><body>
<nav><a href="/">الرئيسية</a> <a href="/politics">سياسة</a></nav>
<article><h1>{title}</h1>{paragraphs}</article><footer>جميع الحقوق محفوظة</footer></body></html>""".encode()


def rss(*entries: tuple[str, str], text: str = "مقدمة قصيرة.") -> bytes:
    items = "".join(
        f"<item><title>{title}</title><link>{link}</link><description>{text}</description></item>"
        for title, link in entries
    )
    return f'<rss version="2.0"><channel><title>الساحل</title>{items}</channel></rss>'.encode()


def news_sitemap(*entries: tuple[str, str], now: datetime = NOW) -> bytes:
    urls = "".join(
        f"<url><loc>{link}</loc><news:news><news:publication_date>{now.isoformat()}</news:publication_date>"
        f"<news:title>{title}</news:title></news:news></url>"
        for title, link in entries
    )
    return (
        '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        f'xmlns:news="http://www.google.com/schemas/sitemap-news/0.9">{urls}</urlset>'
    ).encode()


def plain_sitemap(*links: str) -> bytes:
    urls = "".join(f"<url><loc>{link}</loc></url>" for link in links)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode()


def index(*parts: tuple[str, datetime]) -> bytes:
    maps = "".join(f"<sitemap><loc>{url}</loc><lastmod>{at.isoformat()}</lastmod></sitemap>" for url, at in parts)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{maps}</sitemapindex>'.encode()


@dataclass
class Desk:
    """A source that is polled again and again, five minutes apart, and all that came of it."""

    folder: Path
    server: FeedServer
    source: Source = field(init=False)
    now: datetime = NOW

    def __post_init__(self) -> None:
        self.bus = open_bus(f"sqlite:{self.folder}/bus.db")
        self.store = open_store(f"sqlite:{self.folder}/state.db")
        self.poller = Poller(
            [], self.bus, self.store, lambda: self.now, fetcher=Fetcher(deadline=timedelta(seconds=10)), draw=lambda: 0
        )

    def watch(self, **source: Any) -> None:  # noqa: ANN401 - the settings' own fields
        self.source = Source.model_validate({"id": "desk", "internal": True} | source)

    def poll(self, times: int = 1) -> PollOutcome:
        for _ in range(times):
            outcome = self.poller.poll(self.source, self.now)
            self.now += 5 * MINUTE
        return outcome

    @property
    def articles(self) -> list[Article]:
        return [codec.decode(record, Article) for record in self.bus.read("articles")]

    @property
    def told(self) -> list[Article]:
        """What may alert."""
        return [article for article in self.articles if article.header.held is None]

    @property
    def events(self) -> list[Event]:
        return [codec.decode(record, Event) for record in self.bus.read("events")]

    @property
    def state(self) -> SourceState:
        return self.store.source("desk")

    def asked(self) -> Sequence[str]:
        return [asked.path for asked in self.server.asked]

    def close(self) -> None:
        self.poller.close()
        self.store.close()
        self.bus.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with FeedServer() as server:
        made = Desk(tmp_path, server)
        yield made
        made.close()


def titles(articles: Sequence[Article]) -> list[str]:
    return [article.header.title for article in articles]


HEADLINE = "بدء ترميم الجسر القديم بعد توقف طويل"


# --- Feeds in full ---


def test_a_feed_s_new_entries_are_read_in_full_from_their_pages_once(desk: Desk) -> None:
    first, second = (desk.server.script(f"/{n}", Reply(page(HEADLINE))) for n in (1, 2))
    feed = [Reply(rss((HEADLINE, first))), Reply(rss(("الجسر القديم يفتح أمام المشاة", second), (HEADLINE, first)))]
    desk.watch(url=desk.server.script("/rss", *feed), full_text=True)
    desk.poll(3)
    assert [article.header.held for article in desk.articles] == [Reason.BASELINE, None]
    (told,) = desk.told
    assert told.header.title == "الجسر القديم يفتح أمام المشاة"
    assert "أمام السيارات الصغيرة" in told.text
    assert "الرئيسية" not in told.text
    assert [path for path in desk.asked() if path in {"/1", "/2"}] == ["/1", "/2"]
    assert desk.state.skipped == 0


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Reply(status=404), "not found"),
        (Reply(CHALLENGE), "Cloudflare"),
        (Reply(CHALLENGE, status=403), "Cloudflare"),
        (Reply(page("404", "الصفحة غير موجودة")), "error page"),
        (Reply(page("مطعم جديد في الميناء", "يقدم المطعم أطباق السمك. " * 30)), "about something else"),
        (Reply(status=302, headers={"Location": "/"}), "front page"),
        (Reply(b"\x00\x01\x02binary"), "no text"),
    ],
)
def test_a_page_that_is_no_article_leaves_the_feed_s_own_words_and_is_counted(
    desk: Desk, reply: Reply, reason: str
) -> None:
    desk.server.script("/", Reply(page("الرئيسية")))
    link = desk.server.script("/1", reply)
    desk.watch(url=desk.server.script("/rss", Reply(rss((HEADLINE, link)))), full_text=True, backfill="all")
    desk.poll()
    (article,) = desk.articles
    assert (article.header.title, article.text) == (HEADLINE, "مقدمة قصيرة.")
    assert desk.state.skipped == 1
    assert reason in (desk.state.error or "")


def test_a_page_that_could_not_be_read_is_asked_for_again_for_an_hour(desk: Desk) -> None:
    link = desk.server.script("/1", Reply(status=503), Reply(status=503), Reply(page(HEADLINE)))
    desk.watch(url=desk.server.script("/rss", Reply(rss((HEADLINE, link)))), full_text=True, backfill="all")
    for number in range(4):
        desk.server.script("/rss", Reply(rss((HEADLINE, link)) + b"\n" * number))
        desk.poll()
    short, whole = desk.articles
    assert (short.text, whole.header.revision) == ("مقدمة قصيرة.", 2)
    assert "السيارات الصغيرة" in whole.text
    assert desk.asked().count("/1") == 3


def test_the_same_words_on_several_pages_are_an_error_page(desk: Desk) -> None:
    links = [desk.server.script(f"/{n}", Reply(page(HEADLINE))) for n in range(3)]
    entries = [(f"{HEADLINE} رقم {n}", link) for n, link in enumerate(links)]
    desk.watch(url=desk.server.script("/rss", Reply(rss(*entries))), full_text=True, backfill="all")
    desk.poll()
    assert {article.text for article in desk.articles} == {"مقدمة قصيرة."}
    assert "3 pages not read: the same words stand on several pages" in (desk.state.error or "")


# --- Pages that list articles ---


def listing(*entries: tuple[str, str]) -> bytes:
    items = "".join(f'<div class="story"><a href="{link}">{title}</a></div>' for title, link in entries)
    return f"<html><body><nav><a href='/about'>من نحن</a></nav>{items}</body></html>".encode()


def test_a_page_s_links_are_read_in_full(desk: Desk) -> None:
    for n in (1, 2):
        desk.server.script(f"/news/{n}", Reply(page(f"{HEADLINE} {n}", f"الخبر رقم {n}. {BODY}")))
    first = listing(("بدء ترميم الجسر…", "/news/1"))
    then = listing(("ترميم الجسر يتقدم", "/news/2"), ("بدء ترميم الجسر…", "/news/1"))
    desk.watch(page=desk.server.script("/news", Reply(first), Reply(then)), items=".story a")
    desk.poll(3)
    assert titles(desk.told) == [f"{HEADLINE} 2"]
    assert desk.told[0].header.url == desk.server.url("/news/2")
    assert desk.asked().count("/news/1") == 1


def test_robots_txt_decides_on_pages_and_not_on_feeds(desk: Desk) -> None:
    desk.server.script("/robots.txt", Reply(b"User-agent: *\nDisallow: /"))
    link = desk.server.script("/1", Reply(page(HEADLINE)))
    desk.watch(url=desk.server.script("/rss", Reply(rss((HEADLINE, link)))), full_text=True, backfill="all")
    desk.poll()
    assert "robots.txt" in (desk.state.error or "")
    assert [article.text for article in desk.articles] == ["مقدمة قصيرة."]
    desk.watch(page=desk.server.script("/news", Reply(listing((HEADLINE, "/1")))), items="a")
    assert desk.poll().status == "blocked"
    assert "/news" not in desk.asked()
    assert "/1" not in desk.asked()


def test_a_selector_that_finds_nothing_is_told(desk: Desk) -> None:
    desk.watch(page=desk.server.script("/news", Reply(listing((HEADLINE, "/1")))), items=".gone")
    assert desk.poll().status == "empty"
    assert "finds nothing" in (desk.state.error or "")


# --- Sitemaps ---


def test_a_news_sitemap_gives_headlines_and_with_full_text_articles(desk: Desk) -> None:
    link = desk.server.script("/1", Reply(page(HEADLINE)))
    address = desk.server.script("/news.xml", Reply(news_sitemap((HEADLINE, link))))
    for more, text in (({}, ""), ({"full_text": True}, "السيارات الصغيرة")):
        desk.watch(id=f"map-{len(more)}", sitemap=address, backfill="all", **more)
        desk.poll()
        assert desk.articles[-1].header.title == HEADLINE
        assert text in desk.articles[-1].text
        assert desk.articles[-1].header.published == NOW


def test_a_plain_sitemap_needs_full_text_and_says_so(desk: Desk) -> None:
    link = desk.server.script("/1", Reply(page(HEADLINE)))
    address = desk.server.script("/map.xml", Reply(plain_sitemap(link)))
    desk.watch(sitemap=address, backfill="all")
    desk.poll()
    assert desk.articles == []
    assert "write full_text: true" in (desk.state.error or "")
    assert desk.state.skipped == 1
    desk.watch(id="full", sitemap=address, backfill="all", full_text=True)
    desk.poll()
    assert titles(desk.articles) == [HEADLINE]


def test_of_a_new_sitemap_only_the_newest_pages_are_read_and_the_rest_is_known(desk: Desk) -> None:
    links = [desk.server.script(f"/{n}", Reply(page(f"{HEADLINE} {n}", f"{n} {BODY}"))) for n in range(30)]
    after = [desk.server.script("/new", Reply(page("افتتاح محطة القطار الجديدة اليوم", f"القطار. {BODY}"))), *links]
    replies = [Reply(plain_sitemap(*links)), Reply(plain_sitemap(*after))]
    desk.watch(sitemap=desk.server.script("/map.xml", *replies), full_text=True)
    desk.poll(3)
    assert len(desk.articles) == looking.PAGES_AT_ONCE + 1
    assert titles(desk.told) == ["افتتاح محطة القطار الجديدة اليوم"]


def test_many_new_pages_are_read_in_turns_and_none_is_left_out(desk: Desk) -> None:
    links = [desk.server.script(f"/{n}", Reply(page(f"{HEADLINE} {n}", f"{n} {BODY}"))) for n in range(30)]
    desk.watch(sitemap=desk.server.script("/map.xml", Reply(plain_sitemap(*links))), full_text=True, backfill="all")
    outcome = desk.poll()
    assert outcome.settling
    assert outcome.next_due == NOW + timedelta(seconds=5)
    assert not desk.poll().settling
    assert len(desk.told) == 30


def test_an_index_is_followed_to_its_parts_each_with_its_own_validators(desk: Desk) -> None:
    old = desk.server.script("/old.xml", Reply(news_sitemap(("خبر قديم في الأرشيف", "https://e.org/old"))))
    new = desk.server.script(
        "/new.xml",
        Reply(news_sitemap((HEADLINE, "https://e.org/1")), headers={"ETag": '"1"'}),
        Reply(status=304),
        Reply(news_sitemap((HEADLINE, "https://e.org/1"), ("الجسر القديم يفتح أمام المشاة", "https://e.org/2"))),
    )
    desk.watch(sitemap=desk.server.script("/index.xml", Reply(index((old, NOW - HOUR), (new, NOW)))))
    desk.poll(3)
    assert titles(desk.told) == ["الجسر القديم يفتح أمام المشاة"]
    assert [asked.headers.get("if-none-match") for asked in desk.server.asked if asked.path == "/new.xml"] == [
        None,
        '"1"',
        '"1"',
    ]
    assert desk.state.state == "ok"


def test_a_part_that_fails_is_counted_and_the_others_are_read(desk: Desk) -> None:
    good = desk.server.script("/good.xml", Reply(news_sitemap((HEADLINE, "https://e.org/1"))))
    bad = desk.server.script("/bad.xml", Reply(status=500))
    desk.watch(sitemap=desk.server.script("/index.xml", Reply(index((good, NOW), (bad, NOW)))), backfill="all")
    desk.poll()
    assert titles(desk.articles) == [HEADLINE]
    assert "1 parts not read: refused: 500" in (desk.state.error or "")
    desk.server.script("/good.xml", Reply(status=500))
    assert desk.poll().status == "failing"


def test_a_packed_sitemap_is_read(desk: Desk) -> None:
    packed = gzip.compress(news_sitemap((HEADLINE, "https://e.org/1")))
    reply = Reply(packed, headers={"Content-Type": "application/gzip"})
    desk.watch(sitemap=desk.server.script("/map.xml.gz", reply), backfill="all")
    desk.poll()
    assert titles(desk.articles) == [HEADLINE]


# --- States ---


def test_a_wall_before_a_feed_is_blocked_and_no_article_and_told_at_the_third_poll(desk: Desk) -> None:
    for reply in (Reply(CHALLENGE), Reply(CHALLENGE, status=503), Reply(b"no", status=403)):
        desk.watch(url=desk.server.script("/rss", reply))
        assert desk.poll().status == "blocked"
    assert desk.articles == []
    (event,) = desk.events
    assert event.summary.startswith("desk is blocked, 3 polls in a row:")


def test_an_error_that_poses_as_an_entry_is_no_article(desk: Desk) -> None:
    entry = rss(("Bridge returned error 403! (20781)", "https://e.org/x"))
    desk.watch(url=desk.server.script("/rss", Reply(entry)), backfill="all")
    assert desk.poll().status == "failing"
    assert desk.articles == []


def test_a_document_that_cannot_be_parsed_is_not_parsed_again_until_it_changes(desk: Desk) -> None:
    desk.watch(url=desk.server.script("/rss", Reply(b"<html>no feed</html>")))
    desk.poll()
    poisoned = desk.state
    assert poisoned.error == "cannot be parsed: this is a web page, no feed"
    desk.poll()
    assert (desk.state.errors, desk.state.error, desk.state.memory) == (2, poisoned.error, poisoned.memory)
    desk.server.script("/rss", Reply(rss((HEADLINE, "https://e.org/1"))))
    assert desk.poll().status == "ok"


def test_a_source_that_has_moved_for_good_says_where(desk: Desk) -> None:
    new = desk.server.script("/new?key=secret", Reply(rss((HEADLINE, "https://e.org/1"))))
    desk.watch(url=desk.server.script("/rss", Reply(status=301, headers={"Location": new})), backfill="all")
    desk.poll()
    assert desk.state.error == f"has moved for good to {desk.server.url('/new')}: write that address"


def test_what_the_server_asks_for_is_honoured(desk: Desk) -> None:
    fresh = {"Cache-Control": "max-age=1200"}
    busy = {"Retry-After": format_datetime(NOW + 5 * MINUTE + HOUR, usegmt=True)}
    entry = rss((HEADLINE, "https://e.org/1"))
    desk.watch(url=desk.server.script("/rss", Reply(entry, headers=fresh), Reply(status=429, headers=busy)))
    assert desk.poll().next_due == NOW + 20 * MINUTE
    assert desk.poll().next_due == NOW + 5 * MINUTE + HOUR


def test_a_source_s_own_headers_are_sent_to_its_own_server_only(desk: Desk) -> None:
    with FeedServer() as other:
        far = other.script("/far", Reply(page(HEADLINE)))
        near = desk.server.script("/near", Reply(page(HEADLINE)))
        feed = desk.server.script("/rss", Reply(rss((HEADLINE, far), (f"{HEADLINE} أيضا", near))))
        desk.watch(url=feed, headers={"X-Key": "canary"}, full_text=True, backfill="all")
        desk.poll()
        sent = {asked.path: asked.headers.get("x-key") for asked in (*desk.server.asked, *other.asked)}
    assert (sent["/rss"], sent["/near"], sent["/far"]) == ("canary", "canary", None)


def test_a_private_address_is_refused_unless_the_source_is_internal(desk: Desk) -> None:
    url = desk.server.script("/rss", Reply(rss((HEADLINE, "https://e.org/1"))))
    desk.watch(url=url, internal=False)
    assert desk.poll().status == "failing"
    assert "address refused" in (desk.state.error or "")
    assert desk.asked() == []
