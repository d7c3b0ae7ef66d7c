import pyexpat
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.errors import ParseError
from monitor.ingest.decoding import decode
from monitor.ingest.entries import MAX_LINE
from monitor.ingest.feeds import MAX_ENTRIES, Feed, parse_feed
from monitor.ingest.pages import MAX_TEXT, read_page, text_of
from monitor.worker import Workers
from tests.feedserver import FeedServer

DATA = Path(__file__).parent / "data"
ADDRESS = "https://feeds.example.org/rss"


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers()
    yield made
    made.close()


def rss(*items: str, head: str = '<?xml version="1.0" encoding="utf-8"?>') -> bytes:
    return f'{head}<rss version="2.0"><channel>{"".join(items)}</channel></rss>'.encode()


def entry(number: int, more: str = "") -> str:
    return f"<item><title>Item {number}</title><guid>{number}</guid>{more}</item>"


@pytest.mark.parametrize(
    "body", [b"not a feed", b"<html><body><p>404</p></body></html>", b'{"version": 1}', b"\x00\xff" * 50]
)
def test_what_is_no_feed_is_an_error(body: bytes) -> None:
    with pytest.raises(ParseError, match="no feed"):
        parse_feed(body, "text/html", ADDRESS)


def test_a_feed_without_entries_is_an_empty_feed() -> None:
    assert parse_feed(rss(), "", ADDRESS) == Feed(items=())


def test_entities_are_not_expanded_and_no_file_is_read(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    canary.write_text("the-canary-sang")
    body = (DATA / "feeds" / "entities.xml").read_text().replace("/etc/hostname", str(canary))
    text = repr(parse_feed(body.encode(), "", ADDRESS))
    assert "canary-sang" not in text
    assert "laughlaugh" not in text


def test_an_external_document_type_is_not_asked_for() -> None:
    with FeedServer() as server:
        head = f'<?xml version="1.0"?><!DOCTYPE rss SYSTEM "{server.url("/x.dtd")}">'
        assert len(parse_feed(rss(entry(1), head=head), "", ADDRESS).items) == 1
        assert server.asked == []


def test_expat_is_one_that_stops_amplification() -> None:
    assert tuple(map(int, pyexpat.EXPAT_VERSION.removeprefix("expat_").split("."))) >= (2, 4, 1)


def test_entries_and_fields_are_capped_and_what_is_dropped_is_counted() -> None:
    fields = {"title": "t" * 50_000, "guid": "g" * 50_000, "description": "d " * 500_000}
    long = f"<item>{''.join(f'<{name}>{value}</{name}>' for name, value in fields.items())}</item>"
    feed = parse_feed(rss(long, *(entry(number) for number in range(MAX_ENTRIES + 9))), "", ADDRESS)
    assert len(feed.items) == MAX_ENTRIES
    assert feed.dropped == 10
    first = feed.items[0]
    assert (len(first.title), len(first.key), len(first.text)) == (MAX_LINE, MAX_LINE, MAX_TEXT)
    assert feed.warning == "entries beyond the first 2,000: 10; entries cut to size: 1"


def test_too_many_entries_of_json_are_counted_too() -> None:
    items = ",".join(f'{{"id": "{number}", "title": "Item {number}"}}' for number in range(MAX_ENTRIES + 3))
    feed = parse_feed(f'{{"items": [{items}]}}'.encode(), "", ADDRESS)
    assert (len(feed.items), feed.dropped) == (MAX_ENTRIES, 3)


def test_entries_that_are_too_many_cost_little(workers: Workers) -> None:
    body = rss(*map(entry, range(100_000)))
    feed = workers.run(parse_feed, body, "", ADDRESS, deadline=timedelta(seconds=20))
    assert (len(feed.items), feed.dropped) == (MAX_ENTRIES, 98_000)


def test_a_title_without_end_comes_through_cut() -> None:
    feed = parse_feed(rss(f"<item><title>{'عاجل ' * 2_000_000}</title></item>"), "", ADDRESS)
    assert len(feed.items[0].title) == MAX_LINE


def test_the_categories_of_an_entry_are_not_compared_with_each_other(workers: Workers) -> None:
    many = "".join(f"<category>c{number}</category>" for number in range(50_000))
    feed = workers.run(parse_feed, rss(entry(1, many)), "", ADDRESS, deadline=timedelta(seconds=20))
    assert len(feed.items) == 1


def test_a_body_is_no_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "feed.xml").write_bytes(rss(entry(1)))
    with pytest.raises(ParseError, match="this is no feed"):
        parse_feed(str(tmp_path / "feed.xml").encode(), "", ADDRESS)


def test_entries_that_share_an_id_are_told_apart() -> None:
    same = "<item><title>{}</title><guid>https://e.org/</guid></item>"
    feed = parse_feed(rss(same.format("one"), same.format("two"), same.format("two")), "", ADDRESS)
    keys = [item.key for item in feed.items]
    assert len(set(keys)) == 2
    assert keys[1] == keys[2]


@pytest.mark.parametrize(
    ("date", "published"),
    [
        ("Tue, 24 Nov 2026 08:00:00 GMT", "2026-11-24T08:00:00+00:00"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", None),
        ("Fri, 01 Jan 2099 00:00:00 GMT", "2099-01-01T00:00:00+00:00"),
        ("Tue, 24 Nov 2026 08:00:00 XYZ", "2026-11-24T08:00:00+00:00"),
        ("Tue, 99 Foo 99999 08:00:00", None),
        ("", None),
    ],
)
def test_an_entry_with_any_date_is_kept(date: str, published: str | None) -> None:
    found = parse_feed(rss(entry(1, f"<pubDate>{date}</pubDate>")), "", ADDRESS).items[0].published
    assert (found and found.isoformat()) == published


def test_control_characters_and_lone_surrogates_do_not_come_through() -> None:
    body = rss("<item><title>a&#0;b&#xD800;c\x0bd</title><description>e\x00f</description></item>")
    item = parse_feed(body, "", ADDRESS).items[0]
    assert (item.title + item.text).encode("utf-8").isascii()
    assert not set(item.title + item.text) & {"\x00", "\x0b"}


def test_a_feed_that_hangs_the_parser_costs_its_own_poll_only(workers: Workers) -> None:
    attributes = " ".join(f'a{number}="x"' for number in range(200_000))
    body = rss(f"<item><title {attributes}>x</title></item>")
    with pytest.raises(ParseError, match="took longer"):
        workers.run(parse_feed, body, "", ADDRESS, deadline=timedelta(seconds=2))
    assert len(workers.run(parse_feed, rss(entry(1)), "", ADDRESS, deadline=timedelta(seconds=30)).items) == 1


# --- Mark-up and character sets ---


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("plain words", "plain words"),
        ("<p>one</p><p>two</p>", "one\n\ntwo"),
        ("one<br>two<br/>three", "one\ntwo\nthree"),
        ("<p>one <b>bo</b>ld</p>tail", "one bold\n\ntail"),
        ("a &amp; b &lt;c&gt;", "a & b <c>"),
        ("<p>wrapped\n   line</p>", "wrapped line"),
        ("x<!-- hidden -->y<script>z()</script>w<style>q</style>", "xyw"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1\n\n2"),
        ("", ""),
        ("<!-- only -->", ""),
    ],
)
def test_markup_becomes_text_with_its_paragraphs(markup: str, text: str) -> None:
    assert text_of(markup) == text


@given(st.text())
@settings(max_examples=200)
def test_any_markup_becomes_text_that_can_be_stored(markup: str) -> None:
    text_of(markup).encode("utf-8")


def test_deep_nesting_is_no_trouble() -> None:
    assert text_of("<div>" * 2_000 + "x") == "x"
    assert text_of("before" + "<div>" * 100_000 + "x").startswith("before")


def test_a_page_gives_title_text_address_and_date_without_its_navigation(now: datetime) -> None:
    page = read_page((DATA / "articles" / "page.html").read_text("utf-8"))
    assert page.title == "افتتاح جسر جديد على الفرات"
    assert page.text.startswith("افتتح محافظ دير الزور صباح الجمعة")
    assert page.text.count("\n\n") == 1
    assert "الرئيسية" not in page.text
    assert "حقوق" not in page.text
    assert page.url == "https://river.example.org/bridge"
    assert page.published
    assert now - page.published < timedelta(days=5)


def test_a_page_too_short_to_have_a_body_keeps_its_words() -> None:
    assert read_page("<html><body><p>جملة واحدة.</p></body></html>").text == "جملة واحدة."
    assert read_page("only words").text == "only words"


@pytest.mark.parametrize("empty", ["", "   ", "<html><body></body></html>", "<script>x</script>"])
def test_a_page_without_words_is_an_error(empty: str) -> None:
    with pytest.raises(ParseError, match="no text"):
        read_page(empty)


ARABIC = "وصل الوزير إلى دمشق، وعقد اجتماعا مع السفراء.\nExample text 123."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1256"])
def test_arabic_is_read_in_each_of_its_encodings(encoding: str) -> None:
    assert decode(ARABIC.encode(encoding)) == ARABIC


def test_a_declared_encoding_is_believed_where_it_fits() -> None:
    assert decode("café".encode("latin-1"), "iso8859-1") == "café"
    assert decode(ARABIC.encode(), "ascii") == ARABIC


@pytest.mark.parametrize(
    "data",
    [
        ARABIC.encode()[:40] + b"\xff" + ARABIC.encode()[40:],
        ARABIC.encode()[:21],
        "café au lait".encode("latin-1"),
        b"\x89PNG\r\n\x1a\n\x00\x00\xc7\xc8\xc9",
        bytes(range(256)),
        b"\xff\xfe\x00",
    ],
    ids=["one bad byte", "cut in a letter", "Latin", "an image", "every byte", "half UTF-16"],
)
def test_bytes_that_are_no_text_of_ours_are_an_error_and_never_nonsense(data: bytes) -> None:
    with pytest.raises(ParseError, match="bytes"):
        decode(data)
