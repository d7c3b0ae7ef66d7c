"""The commands on sources: how they are, one on trial, new ones found and written, lists in and out."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

import pytest

from monitor import codec
from monitor.bus import open_bus
from monitor.ingest.deciding import PollStatus, Unchanged
from monitor.ingest.examining import Examination, Fate, examine
from monitor.ingest.finding import Candidate, Found, NotFound, find
from monitor.ingest.linting import check_sources
from monitor.ingest.polling import Poller
from monitor.model import Article, Reason
from monitor.ports import SourceState
from monitor.settings import Source
from monitor.store.sql import SqlStore, open_store
from monitor.surveying import examination_lines, examination_records, health_lines, shown_address
from tests.feedserver import FeedServer, Reply
from tests.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


def rss(*titles: str, text: str = "نص الخبر", title: str = "وكالة الشرق") -> bytes:
    items = "".join(
        f"<item><title>{one}</title><link>https://news.example.org/{number}</link><description>{text} {one}"
        f"</description><pubDate>{format_datetime(NOW - number * HOUR)}</pubDate></item>"
        for number, one in enumerate(titles, 1)
    )
    return f"<rss version='2.0'><channel><title>{title}</title><language>ar</language>{items}</channel></rss>".encode()


def html(body: str = "", head: str = "") -> Reply:
    page = f"<!doctype html><html><head><title>الموقع</title>{head}</head><body>{body}</body></html>"
    return Reply(page.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.fixture
def server() -> Iterator[FeedServer]:
    with FeedServer() as running:
        yield running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    with open_store(f"sqlite:{tmp_path}/state.db") as opened:
        yield opened


# --- How the sources are ---------------------------------------------------------------------------------------------

FINE = SourceState(
    id="agency",
    state="ok",
    last_success=NOW - 3 * MINUTE,
    last_new=NOW - 2 * HOUR,
    next_due=NOW + 4 * MINUTE,
    rate=12.3,
)
DEAD = replace(FINE, id="وكالة", state="failing", errors=7, error="unreachable: refused", next_due=NOW - 3 * MINUTE)
MUTE = replace(FINE, id="mute", silent_since=NOW - 3 * DAY)


def table(*states: SourceState, width: int | None = None) -> list[str]:
    return list(health_lines(states, NOW, width))


def test_those_that_bring_nothing_come_first_and_are_named_at_the_end() -> None:
    heading, *rows, end = table(FINE, replace(FINE, id="b"), MUTE, DEAD)
    assert re.split("  +", heading) == ["source", "state", "success", "new", "a day", "errors", "next poll"]
    assert [row.split()[0].strip("\u2066\u2067\u2068\u2069") for row in rows] == ["وكالة", "mute", "agency", "b"]
    assert end == "2 of 4 sources healthy; blind: \u2068وكالة\u2069, mute"


def test_a_source_is_a_line_in_words() -> None:
    _, dead, mute, fine, _ = table(FINE, DEAD, MUTE)
    assert fine.split() == ["agency", "ok", "3", "min", "2", "h", "12.3", "in", "4", "min"]
    assert dead.endswith("7       overdue 3 min  unreachable: refused")
    assert mute.split()[1] == "silent"
    assert mute.endswith("nothing new for 3 days")
    assert table(SourceState(id="a"))[1].split() == ["a", "new", "never", "never", "now"]


def test_arabic_names_leave_the_columns_where_they_are() -> None:
    states = [FINE, DEAD, MUTE, replace(FINE, id="مُحَمَّد")]
    plain = [line.translate(dict.fromkeys([0x2067, 0x2068, 0x2069, *range(0x64B, 0x653)])) for line in table(*states)]
    assert {line.index("3 min") for line in plain[1:5]} == {plain[0].index("success")}


def test_reasons_are_cut_to_the_terminal_and_whole_in_a_pipe() -> None:
    long = replace(DEAD, id="dead", error="the server said a lot of things " * 10)
    assert all(len(line) <= 90 for line in table(FINE, long, width=90))
    assert table(FINE, long)[1].endswith("a lot of things")


@pytest.mark.parametrize(
    ("due", "words"),
    [(0, "now"), (-90, "now"), (-180, "overdue 3 min"), (45, "in 45 s"), (7200, "in 2 h"), (200_000, "in 2 days")],
)
def test_the_next_poll_is_told_as_a_wait(due: int, words: str) -> None:
    assert table(replace(FINE, next_due=NOW + timedelta(seconds=due)))[1].endswith(words)


# --- One on trial ----------------------------------------------------------------------------------------------------


def feed(url: str, **more: Any) -> Source:  # noqa: ANN401 - the settings' own fields
    return Source.model_validate({"id": "agency", "url": url, "internal": True} | more)


def polled(store: SqlStore, folder: Path, source: Source, now: datetime = NOW) -> list[Article]:
    """Poll for good, and return what was published."""
    bus = open_bus(f"sqlite:{folder}/bus.db")
    poller = Poller([source], bus, store, lambda: now, draw=lambda: 0)
    poller.poll(source, now)
    poller.close()
    published = [codec.decode(record, Article) for record in bus.read("articles")]
    bus.close()
    return published


def fates(seen: Examination) -> list[tuple[str, str]]:
    return [(verdict.item.title, verdict.fate) for verdict in seen.verdicts]


def told(seen: Examination) -> str:
    return "\n".join(examination_lines(seen))


def test_a_new_source_is_told_with_its_back_issues_and_nothing_is_stored(server: FeedServer, store: SqlStore) -> None:
    source = feed(server.script("/rss", Reply(rss("أول", "ثان"))))
    seen = examine(source, store, NOW)
    assert fates(seen) == [("أول", Fate.NEW), ("ثان", Fate.NEW)]
    assert {verdict.held for verdict in seen.verdicts} == {Reason.BASELINE}
    assert seen.kind == "feed"
    assert store.sources() == []
    assert store.sightings("agency") == {}


def test_a_poll_on_trial_plans_what_the_poller_does(server: FeedServer, store: SqlStore, tmp_path: Path) -> None:
    replies = [rss("أول", "ثان"), rss("أول معدل", "ثان"), rss("أول معدل", "ثان", "ثالث")]
    source = feed(server.script("/rss", *(Reply(body) for body in replies for _ in range(2))))
    published: list[Article] = []
    for number in range(3):
        now = NOW + number * HOUR
        seen = examine(source, store, now)
        everything = polled(store, tmp_path, source, now)
        assert list(seen.plan.articles) == everything[len(published) :]
        assert seen.plan.state == store.source("agency")
        published = everything
    assert fates(seen) == [("أول معدل", Fate.KNOWN), ("ثان", Fate.KNOWN), ("ثالث", Fate.NEW)]


def test_an_edit_is_told_from_what_is_new(server: FeedServer, store: SqlStore, tmp_path: Path) -> None:
    source = feed(server.script("/rss", Reply(rss("أول خبر")), Reply(rss("أول خبر معدل"))))
    polled(store, tmp_path, source)
    assert fates(examine(source, store, NOW + HOUR)) == [("أول خبر معدل", Fate.EDIT)]


def test_what_is_unchanged_is_asked_for_by_its_validators_and_told_in_a_line(
    server: FeedServer, store: SqlStore, tmp_path: Path
) -> None:
    source = feed(server.script("/rss", Reply(rss("أول"), headers={"ETag": '"1"'}), Reply(status=304)))
    polled(store, tmp_path, source)
    seen = examine(source, store, NOW + HOUR)
    assert isinstance(seen.answer, Unchanged)
    assert server.asked[-1].headers["if-none-match"] == '"1"'
    assert "not modified" in told(seen)
    assert "sent If-None-Match" in told(seen)
    assert "nothing is new since 2026-11-24 09:30Z\n  then: unchanged\n" in told(seen)


def test_after_an_error_no_validators_are_sent(server: FeedServer, store: SqlStore, tmp_path: Path) -> None:
    source = feed(
        server.script("/rss", Reply(rss("أول"), headers={"ETag": '"1"'}), Reply(status=500), Reply(rss("أول")))
    )
    for _ in range(2):
        polled(store, tmp_path, source)
    examine(source, store, NOW + HOUR)
    assert "if-none-match" not in server.asked[-1].headers


def test_a_failure_tells_its_events_and_when_it_is_asked_again(server: FeedServer, store: SqlStore) -> None:
    store.remember(SourceState(id="agency", state="failing", errors=2), [])
    seen = examine(feed(server.script("/rss", Reply(status=503, headers={"Retry-After": "900"}))), store, NOW)
    assert seen.plan.status is PollStatus.FAILING
    assert "event: source failing raised: agency fails, 3 polls in a row: asked to wait: 503" in told(seen)
    assert "next poll in 15 min: interval 5 min" in told(seen)
    assert "its server asks to be left alone for 15 min" in told(seen)


def test_what_is_cut_from_every_item_is_told(server: FeedServer, store: SqlStore) -> None:
    titles = [f"خبر رقم {number} - وكالة الشرق" for number in range(6)]
    seen = examine(feed(server.script("/rss", Reply(rss(*titles)))), store, NOW)
    assert seen.cut.titles == 6
    assert "cut from the end of 6 headlines: «\u2068 - وكالة الشرق\u2069»" in told(seen)


def test_pages_that_are_read_in_full_are_told_with_what_robots_txt_says(server: FeedServer, store: SqlStore) -> None:
    server.script("/robots.txt", Reply(b"User-agent: *\nDisallow: /private/"))
    page = (
        "<article><h1>وصول سفينة إلى ميناء طرطوس</h1>"
        + "<p>وصلت سفينة إلى ميناء طرطوس صباح اليوم.</p>" * 5
        + "</article>"
    )
    server.script("/open/1", html(page))
    links = "".join(
        f"<item><title>وصول سفينة إلى ميناء طرطوس {number}</title><link>{server.url(path)}</link></item>"
        for number, path in enumerate(["/open/1", "/private/2"])
    )
    body = f"<rss><channel><title>x</title>{links}</channel></rss>".encode()
    seen = examine(feed(server.script("/rss", Reply(body)), full_text=True), store, NOW)
    assert [permission.refusal for permission in seen.permissions] == [
        None,
        "robots.txt of 127.0.0.1 disallows it",
    ]
    assert [exchange.request.url.rpartition(":")[2].partition("/")[2] for exchange in seen.exchanges] == [
        "rss",
        "robots.txt",
        "open/1",
    ]
    assert "robots.txt allows 1 of 2 pages" in told(seen)


def test_a_folder_is_tried_when_its_files_have_stood_still(store: SqlStore, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox/a.txt").write_text("عنوان\n\nنص", "utf-8")
    source = Source.model_validate({"id": "inbox", "folder": tmp_path / "inbox", "settle": timedelta(seconds=0.1)})
    seen = examine(source, store, NOW)
    assert [(verdict.fate, verdict.held) for verdict in seen.verdicts] == [(Fate.NEW, None)]
    assert not seen.exchanges


def test_a_folder_that_is_not_there_fails(store: SqlStore, tmp_path: Path) -> None:
    seen = examine(Source.model_validate({"id": "inbox", "folder": tmp_path / "none"}), store, NOW)
    assert seen.plan.status is PollStatus.FAILING


def test_a_selector_that_selects_nothing_ever_fails_in_words_and_asks_nobody(
    server: FeedServer, store: SqlStore
) -> None:
    source = Source.model_validate({"id": "desk", "page": server.url("/"), "items": "div[", "internal": True})
    seen = examine(source, store, NOW)
    assert "items: no CSS selector" in (seen.plan.state.error or "")
    assert server.asked == []


def test_no_secret_of_an_address_is_told(server: FeedServer, store: SqlStore) -> None:
    url = server.script("/rss?key=hush", Reply(rss("أول"))).replace("http://", "http://user:hush@")
    seen = examine(feed(url, headers={"X-Key": "hush"}), store, NOW)
    assert seen.plan.status is PollStatus.OK
    assert "hush" not in told(seen) + "\n".join(examination_records(seen))
    assert "x-key" in told(seen).lower()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a:b@example.org:8080/x?k=v#f", "https://example.org:8080/x?…"),
        ("https://example.org/x", "https://example.org/x"),
    ],
)
def test_an_address_is_shown_without_what_may_be_secret(url: str, shown: str) -> None:
    assert shown_address(url) == shown


# --- What is found at an address -------------------------------------------------------------------------------------


def best(found: Found | NotFound) -> Candidate:
    assert isinstance(found, Found), found
    return found.best


def test_a_feed_is_found_at_its_own_address(server: FeedServer) -> None:
    url = server.script("/rss", Reply(rss("أول", "ثان")))
    found = best(find(url, NOW, internal=True))
    assert (found.kind, found.url, found.title, found.entries, found.lang) == ("feed", url, "وكالة الشرق", 2, "ar")


def test_the_feeds_that_a_page_names_are_tried_in_order_and_the_rest_is_told(server: FeedServer) -> None:
    head = "".join(
        f"<link rel=alternate type=application/rss+xml href=/{name} title={name}>" for name in ("gone", "rss", "more")
    )
    server.script("/", html(head=head))
    url = server.script("/rss", Reply(rss("أول")))
    found = find(server.url("/"), NOW, internal=True)
    assert best(found).url == url
    assert isinstance(found, Found)
    assert [other.title for other in found.others] == ["gone", "more"]
    assert [asked.path for asked in server.asked] == ["/", "/robots.txt", "/gone", "/rss"]


def news_sitemap(url: str) -> bytes:
    return f"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
 xmlns:news="http://www.google.com/schemas/sitemap-news/0.9"><url><loc>{url}</loc><news:news><news:title>وصول سفينة
</news:title><news:publication_date>2026-11-24T08:00:00Z</news:publication_date></news:news></url></urlset>""".encode()


def test_a_page_without_feeds_leads_to_the_sitemaps_of_robots_txt(server: FeedServer) -> None:
    server.script("/", html())
    news = server.script("/news-map.xml", Reply(news_sitemap(server.url("/1"))))
    server.script("/robots.txt", Reply(f"Sitemap: {server.url('/none.xml')}\nSitemap: {news}".encode()))
    found = best(find(server.url("/"), NOW, internal=True))
    assert (found.kind, found.url, [item.title for item in found.items]) == ("sitemap", news, ["وصول سفينة"])


def test_the_usual_places_are_asked_last_until_one_answers(server: FeedServer) -> None:
    server.script("/", html())
    url = server.script("/rss.xml", Reply(rss("أول")))
    assert best(find(server.url("/"), NOW, internal=True)).url == url
    assert [asked.path for asked in server.asked] == ["/", "/robots.txt", "/feed", "/rss", "/rss.xml"]


def test_an_empty_feed_is_taken_when_there_is_nothing_better(server: FeedServer) -> None:
    server.script("/", html(head="<link rel=alternate type=application/rss+xml href=/empty>"))
    url = server.script("/empty", Reply(rss()))
    assert best(find(server.url("/"), NOW, internal=True)).url == url


def test_a_feed_that_has_moved_for_good_is_found_where_it_is_now(server: FeedServer) -> None:
    url = server.script("/new", Reply(rss("أول")))
    old = server.script("/old", Reply(status=301, headers={"Location": "/new"}))
    assert best(find(old, NOW, internal=True)).url == url


def test_an_address_from_outside_holds_no_variable_that_would_be_expanded(server: FeedServer) -> None:
    server.script(
        "/", html(head="<link rel=alternate type=application/rss+xml href='/rss?x=${file:/run/secrets/smtp}'>")
    )
    server.script("/rss?x=$%7Bfile:/run/secrets/smtp%7D", Reply(rss("أول")))
    assert best(find(server.url("/"), NOW, internal=True)).url.endswith("/rss?x=$%7Bfile:/run/secrets/smtp}")


def test_a_page_is_read_by_its_selector_without_reading_articles(server: FeedServer) -> None:
    url = server.script("/news", html("<h2><a href=/a/1>وصول سفينة</a></h2><h2><a href=/a/2>رحيل أخرى</a></h2>"))
    found = best(find(url, NOW, items="h2 a", internal=True))
    assert (found.kind, found.title, [item.title for item in found.items]) == (
        "page",
        "الموقع",
        ["وصول سفينة", "رحيل أخرى"],
    )
    assert [asked.path for asked in server.asked] == ["/robots.txt", "/news"]


def test_nothing_found_is_told_and_nobody_reached_otherwise(server: FeedServer) -> None:
    server.script("/", html())
    nothing, unreached = (find(url, NOW, internal=True) for url in (server.url("/"), "http://127.0.0.1:1/"))
    assert isinstance(nothing, NotFound)
    assert nothing.was_reached
    assert isinstance(unreached, NotFound)
    assert not unreached.was_reached


def test_an_address_that_is_never_asked_is_not_said_to_be_private() -> None:
    found = find("http://169.254.169.254/", NOW)
    assert isinstance(found, NotFound)
    assert not found.is_private


def test_a_private_address_is_refused_and_said_to_be_one(server: FeedServer) -> None:
    found = find(server.url("/rss"), NOW)
    assert isinstance(found, NotFound)
    assert (found.is_private, found.reason) == (True, "address refused: it is loopback")
    assert server.connections == 0


# --- The commands ----------------------------------------------------------------------------------------------------


def installed(folder: Path, *entries: str) -> Installation:
    lines = "".join(f"  - {entry}  # ours\n" for entry in entries)
    return Installation(folder / "desk", sources=f"sources:\n{lines}" if lines else "sources: []\n")


def test_the_list_keeps_its_promised_keys(tmp_path: Path) -> None:
    (line,) = installed(tmp_path, "{id: inbox, folder: inbox}").lines("sources")
    assert list(line) == [
        *("id", "state", "last_success", "last_new", "errors", "articles"),
        *("error", "next_due", "skipped", "rate", "silent_since"),
    ]


def test_an_option_of_the_list_before_a_subcommand_is_refused(tmp_path: Path) -> None:
    monitor = installed(tmp_path, "{id: inbox, folder: inbox}")
    done = monitor("sources", "--config", str(monitor.folder / "monitor.yaml"), "test", "inbox")
    assert done.returncode == 2
    assert "write --config behind 'test'" in done.stderr


def test_trying_a_source_makes_no_store_and_says_how_it_went(server: FeedServer, tmp_path: Path) -> None:
    good, bad = server.script("/rss", Reply(rss("أول"))), server.url("/none")
    monitor = installed(
        tmp_path, f"{{id: good, url: '{good}', internal: true}}", f"{{id: bad, url: '{bad}', internal: true}}"
    )
    done = monitor("sources", "test", "good", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, [record["record"] for record in records]) == (0, ["request", "item", "outcome"])
    failed = monitor("sources", "test", "bad")
    assert (failed.returncode, "it fails: not found: 404 Not Found" in failed.stdout) == (1, True)
    unknown = monitor("sources", "test", "goodd")
    assert (unknown.returncode, "did you mean 'good'?" in unknown.stderr) == (2, True)
    assert not (monitor.folder / "var").exists()


def test_adding_a_site_writes_its_feed_behind_the_others(server: FeedServer, tmp_path: Path) -> None:
    server.script("/", html(head="<link rel=alternate type=application/rss+xml href=/rss>"))
    url = server.script("/rss", Reply(rss("أول", "ثان")))
    monitor = installed(tmp_path, "{id: inbox, folder: inbox}")
    file = monitor.folder / "sources.yaml"
    before = file.read_text("utf-8")
    dry = monitor("sources", "add", server.url("/"), "--internal", "--dry-run")
    assert (dry.returncode, file.read_text("utf-8")) == (0, before)
    done = monitor("sources", "add", server.url("/"), "--internal")
    assert done.returncode == 0, done.stderr
    entry = f"  - id: وكالة-الشرق\n    url: {url}\n    internal: true\n"
    assert file.read_text("utf-8") == before + entry
    assert f"sources.yaml:3: written\n{entry}" in done.stdout
    assert "أول" in done.stdout
    again = monitor("sources", "add", f"{url}?utm_source=x", "--internal")
    assert (again.returncode, "polled already, by source 'وكالة-الشرق'" in again.stderr) == (1, True)
    assert monitor("check").returncode == 0


def test_adding_a_page_writes_its_selector(server: FeedServer, tmp_path: Path) -> None:
    url = server.script("/news", html("<div id=main><a href=/a/1>وصول سفينة</a></div>"))
    monitor = installed(tmp_path)
    done = monitor("sources", "add", url, "--items", "#main a", "--id", "desk", "--internal")
    assert done.returncode == 0, done.stderr
    assert (monitor.folder / "sources.yaml").read_text("utf-8") == (
        f"sources:\n  - id: desk\n    page: {url}\n    items: '#main a'\n    internal: true\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["http://127.0.0.1:1/rss"], 3, "if it is within your own network, add --internal"),
        (["http://127.0.0.1:1/rss", "--internal"], 3, "unreachable"),
        (["ftp://example.org/"], 2, "it is no URL of the web"),
        (["https://example.org/", "--items", "div["], 2, "--items: no CSS selector"),
        (["https://example.org/", "--items", "a", "--full-text"], 2, "--full-text is for feeds"),
        (["https://example.org/", "--id", "in box"], 2, "an id is made of letters"),
        (["https://example.org/", "--id", "inbox"], 2, "a source is called 'inbox' already"),
    ],
)
def test_what_cannot_be_added_is_told_in_a_line(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    done = installed(tmp_path, "{id: inbox, folder: inbox}")("sources", "add", *arguments)
    assert done.returncode == code
    assert words in " ".join(done.stderr.split())


def test_a_page_that_leads_nowhere_is_no_source(server: FeedServer, tmp_path: Path) -> None:
    server.script("/", html())
    done = installed(tmp_path)("sources", "add", server.url("/"), "--internal")
    assert (done.returncode, "the page names no feed" in done.stderr) == (1, True)


def test_a_file_that_is_left_alone_gets_the_entry_to_paste(server: FeedServer, tmp_path: Path) -> None:
    url = server.script("/rss", Reply(rss("أول")))
    monitor = Installation(tmp_path / "desk", sources="sources: [{id: inbox, folder: inbox}]\n")
    done = monitor("sources", "add", url, "--internal", "--id", "agency")
    assert done.returncode == 1
    assert done.stdout.endswith(f"  - id: agency\n    url: {url}\n    internal: true\n")
    assert (monitor.folder / "sources.yaml").read_text("utf-8") == "sources: [{id: inbox, folder: inbox}]\n"


OPML = """<opml version="2.0"><body><outline text="أخبار">
<outline text="أ" xmlUrl="https://a.example.org/feed?x=1&amp;y=2"/><outline text="ب" xmlUrl="https://www.known.example.org/rss"/>
<outline text="ج" xmlUrl="http://10.0.0.1/rss"/><outline text="د" xmlUrl="https://a.example.org/rss"/>
<outline text="ه" xmlUrl="https://e.example.org/${file:monitor.yaml}"/></outline></body></opml>"""


def test_a_list_of_feeds_is_taken_in_and_given_out(tmp_path: Path) -> None:
    monitor = installed(tmp_path, "{id: known, url: 'https://known.example.org/rss/'}", "{id: inbox, folder: inbox}")
    monitor.write("feeds.opml", OPML)
    dry = monitor("sources", "import", str(monitor.folder / "feeds.opml"), "--dry-run")
    assert dry.stdout.endswith("3 added, 1 polled already, 1 unusable (--dry-run)\n")
    done = monitor("sources", "import", str(monitor.folder / "feeds.opml"))
    assert (done.returncode, done.stderr) == (
        1,
        "http://10.0.0.1/rss: it is within a private network: monitor sources add URL --internal\n",
    )
    assert [line["id"] for line in monitor.lines("sources")][2:] == [
        "a-example-org-1-2",
        "a-example-org",
        "e-example-org-file-monitor-yaml",
    ]
    given = monitor("sources", "export")
    assert "4 feeds; left out: 1 that are no feeds, 0 with variables" in given.stderr
    assert 'xmlUrl="https://e.example.org/$%7Bfile:monitor.yaml}"' in given.stdout
    again = monitor("sources", "import", str(monitor.folder / "feeds.opml"))
    assert again.stdout == "0 added, 4 polled already, 1 unusable\n"


def test_addresses_with_variables_are_not_given_out(tmp_path: Path) -> None:
    monitor = installed(tmp_path, "{id: a, url: 'https://example.org/rss?key=${MAIN_KEY:-hush}'}")
    done = monitor("sources", "export", str(tmp_path / "feeds.opml"))
    assert done.returncode == 0
    assert "1 with variables" in done.stderr
    assert "hush" not in (tmp_path / "feeds.opml").read_text("utf-8")


def test_what_is_no_list_of_feeds_is_refused(tmp_path: Path) -> None:
    monitor = installed(tmp_path)
    monitor.write("feeds.opml", "<html/>")
    done = monitor("sources", "import", str(monitor.folder / "feeds.opml"))
    assert (done.returncode, "this is no list of feeds (OPML)" in done.stderr) == (1, True)


# --- What is told before it is live ----------------------------------------------------------------------------------


def test_check_tells_twins_and_selectors_that_select_nothing_ever(tmp_path: Path) -> None:
    monitor = installed(
        tmp_path,
        "{id: a, url: 'https://example.org/rss'}",
        "{id: b, url: 'http://www.example.org/rss/?utm_source=x'}",
        "{id: c, page: 'https://example.org/news', items: 'div['}",
        "{id: d, page: 'https://example.org/news', items: 'a'}",
    )
    for arguments in ([], [str(monitor.folder / "sources.yaml")]):
        done = monitor("check", *arguments)
        assert done.returncode == 1
        assert "sources.yaml:3:18: warning: 'b' polls what 'a' polls already; take one of them out" in done.stdout
        assert "sources.yaml:4:54: error: no CSS selector: Expected ident" in done.stdout


def test_two_ways_to_list_a_page_are_two_sources(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    file.write_text("sources: []\n")
    page = {"page": "https://example.org/news"}
    sources = [Source.model_validate({"id": items, "items": items} | page) for items in ("h2", "h3")]
    assert check_sources(file, sources) == []
