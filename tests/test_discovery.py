import gzip
import random
import re

import pytest

from monitor.errors import ParseError
from monitor.ingest.discovery import Named, find_feeds, guesses, kind_of, proposed_id, sitemaps_of

ADDRESS = "https://www.example.org/"


def page(head: str = "", body: str = "") -> bytes:
    return f"<html><head><title> أخبار\nالمثال </title>{head}</head><body>{body}</body></html>".encode()


def alternate(href: str, kind: str = "application/rss+xml", title: str = "", rel: str = "alternate") -> str:
    return f'<link rel="{rel}" type="{kind}" title="{title}" href="{href}">'


def found(body: bytes, address: str = ADDRESS) -> list[str]:
    return [feed.url.removeprefix("https://www.example.org") for feed in find_feeds(body, "text/html", address).feeds]


def test_declared_feeds_come_before_linked_ones_and_comments_last() -> None:
    head = alternate("/comments/feed/") + alternate("/feed/", title="المثال") + alternate("/ar/x", title="تعليقات")
    assert found(page(head, '<a href="/politics/rss.xml">سياسة</a>')) == [
        "/feed/",
        "/politics/rss.xml",
        "/comments/feed/",
        "/ar/x",
    ]


def test_a_section_proposes_its_own_feed_first() -> None:
    body = page(alternate("/feed/"), '<a href="/politics/feed/">RSS</a>')
    assert found(body, "https://www.example.org/politics") == ["/politics/feed/", "/feed/"]


def test_a_feed_has_the_first_name_that_the_page_gives_it() -> None:
    body = page(alternate("/feed/"), '<a href="/feed/"><img src="rss.png"></a> <a href="/feed/">كل <b>الأخبار</b></a>')
    discovery = find_feeds(body, "text/html", ADDRESS)
    assert discovery.feeds == (Named("https://www.example.org/feed/", "كل الأخبار"),)
    assert discovery.title == "أخبار المثال"


@pytest.mark.parametrize(
    ("head", "feeds"),
    [
        (alternate("/a", "application/atom+xml"), ["/a"]),
        (alternate("/a", "Application/RSS+XML; charset=utf-8"), ["/a"]),
        (alternate("/a", "application/feed+json"), ["/a"]),
        (alternate("/a", rel="feed"), ["/a"]),
        (alternate("/feed.json", "application/json"), ["/feed.json"]),
        (alternate("/wp-json/wp/v2/posts/1", "application/json"), []),
        (alternate("/oembed?url=x", "application/json+oembed"), []),
        (alternate("/oembed?url=x&format=xml", "text/xml+oembed"), []),
        (alternate("/en/", "text/html"), []),
        (alternate("/style.xml", "text/xml", rel="stylesheet"), []),
        ('<base href="/ar/">' + alternate("feed"), ["/ar/feed"]),
    ],
)
def test_what_a_page_declares(head: str, feeds: list[str]) -> None:
    assert found(page(head)) == feeds


@pytest.mark.parametrize(
    "href",
    [
        "/feed",
        "/feed/",
        "/ar/rss",
        "/rss2",
        "/news.rss",
        "/politics.atom",
        "/rss.xml",
        "/rss/politics.xml",
        "/rssFeed.aspx",
        "/?feed=rss2",
        "/index.php?format=feed&type=rss",
        "/feed.json",
    ],
)
def test_links_that_look_like_feeds(href: str) -> None:
    assert found(page("", f'<a href="{href}">x</a>')) == [href]


@pytest.mark.parametrize(
    "href", ["/", "/news/1", "/rss-guide", "/newsfeed-explained.html", "/sitemap.xml", "/feedback", "/data.xml", "#rss"]
)
def test_links_that_do_not(href: str) -> None:
    assert found(page("", f'<a href="{href}">x</a>')) == []


def test_addresses_for_readers_are_understood() -> None:
    links = '<a href="feed://www.example.org/rss">a</a><a href="feed:https://feeds.feedburner.com/Example">b</a>'
    assert found(page("", links)) == ["http://www.example.org/rss", "https://feeds.feedburner.com/Example"]


def test_a_robots_txt_names_sitemaps() -> None:
    text = (
        "\ufeffUser-agent: *\nDisallow: /\nSitemap: https://example.org/a.xml\n  SITEMAP:https://example.org/b.xml #all"
    )
    assert sitemaps_of(f"{text}\nsitemap: /c.xml\nsitemap: https://example.org/a.xml\n#sitemap: https://x.org/") == (
        "https://example.org/a.xml",
        "https://example.org/b.xml",
    )


def test_the_usual_places_are_those_of_the_site() -> None:
    places = guesses("https://www.example.org:8443/ar/politics?x=1#y")
    assert places[0] == "https://www.example.org:8443/feed"
    assert places[-1] == "https://www.example.org:8443/sitemap.xml"
    assert len(places) == 11
    assert guesses("not an address") == ()


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('<?xml version="1.0"?>\n<!-- x --><rss version="2.0">', "feed"),
        ('<br/>Notice: x\n<?xml version="1.0"?><rss>', "feed"),
        ('<feed xmlns="http://www.w3.org/2005/Atom">', "feed"),
        ("<rdf:RDF>", "feed"),
        ('{"version": "https://jsonfeed.org/version/1.1", "items": []}', "feed"),
        ('{"items": [], "version": "https:\\/\\/jsonfeed.org\\/version\\/1"}', "feed"),
        ('<?xml version="1.0"?><?xml-stylesheet href="x"?><urlset>', "sitemap"),
        ('<sm:sitemapindex xmlns:sm="x">', "sitemap"),
        ("https://example.org/1\nhttps://example.org/2\n", "sitemap"),
        ("<!DOCTYPE html><html><body>&lt;rss&gt;<rss></body></html>", "page"),
        ('<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>', "page"),
        ('{"version": "1.0"}', "page"),
        ("https://example.org/1 is where we are", "page"),
        ("", "page"),
    ],
)
def test_a_body_is_known_by_its_beginning(body: str, kind: str) -> None:
    assert kind_of(body.encode(), "text/html") == kind
    assert kind_of(gzip.compress(body.encode()), "application/gzip") == kind
    if body:
        assert kind_of(body.encode("utf-16"), "") == kind


def test_what_is_no_text_counts_as_a_page() -> None:
    assert kind_of(b"\x89PNG\xff\xfe\x00", "image/png") == "page"
    assert kind_of(b"\x1f\x8bdamaged", "application/gzip") == "page"


@pytest.mark.parametrize(
    ("address", "title", "source"),
    [
        ("https://www.example.org/rss.xml", "", "example-org"),
        ("https://example.org/politics/feed/", "", "example-org-politics"),
        ("https://rss.example.co.uk/index.php?format=feed&type=rss", "", "example-co-uk"),
        ("https://example.org/rss.php?section=sport", "", "example-org-sport"),
        ("https://feeds.feedburner.com/ExampleNews", "", "examplenews"),
        ("https://xn--mgbh0fb.example.org/%D8%B3%D9%8A%D8%A7%D8%B3%D8%A9/rss", "", "مثال-example-org-سياسة"),
        ("https://مثال.example.org/feed", "", "مثال-example-org"),
        ("http://192.0.2.7:8080/feed", "أخبار اليوم!", "أخبار-اليوم"),
        ("http://192.0.2.7/feed", "", "192-0-2-7"),
        ("http://[bad", "", "source"),
        ("", "", "source"),
        ("https://example.org/" + "long-" * 30, "", "example-org-long"),
    ],
)
def test_a_source_gets_an_id_by_its_address(address: str, title: str, source: str) -> None:
    assert proposed_id(address, title) == source
    assert re.fullmatch(r"[\w][\w.-]*", source)


def test_damaged_pages_give_feeds_or_a_parse_error_and_nothing_else() -> None:
    whole = page(alternate("/feed/", title="المثال"), '<a href="/politics/rss.xml">سياسة</a>' * 5)
    chance = random.Random(20_261_125)
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 3)] = chance.choice(
                [b"&#xD800;", b"<", b'"', b"\x00", b"\xff", b"["]
            )
        try:
            discovery = find_feeds(bytes(damaged[: chance.randint(1, len(damaged))]), "", ADDRESS)
        except ParseError:
            continue
        assert kind_of(bytes(damaged), "") == "page"
        for feed in discovery.feeds:
            assert feed.url.startswith(("http://", "https://"))
            assert proposed_id(feed.url, feed.title)
            (feed.url + feed.title + discovery.title).encode()
