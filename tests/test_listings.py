import random
from pathlib import Path

import pytest

from monitor.errors import ParseError
from monitor.ingest.listings import MAX_LINKS, Link, Links, parse_listing, selector_fault

PAGE = (Path(__file__).parent / "data" / "listings" / "page.html").read_bytes()
ADDRESS = "https://www.example.org/ar/latest"
FIRST = Link("https://www.example.org/ar/news/1", "عنوان الخبر الأول")
SECOND = Link("https://www.example.org/ar/news/2", "عنوان الخبر الثاني")
THIRD = Link("https://other.example.org/news/3", "عنوان الخبر الثالث")


@pytest.mark.parametrize(
    ("selector", "links"),
    [
        (".card", (FIRST, SECOND)),
        (".card, .wide", (FIRST, SECOND, THIRD)),
        ("a.wide", (THIRD,)),
        (".headline", (THIRD,)),
        ('a[href*="news/2"]', (SECOND,)),
        ("div:nth-of-type(2)", (SECOND,)),
    ],
)
def test_a_selector_picks_links_in_the_order_of_the_page(selector: str, links: tuple[Link, ...]) -> None:
    assert parse_listing(PAGE, "text/html", ADDRESS, selector) == Links(links=links)


@pytest.mark.parametrize(
    ("selector", "warning"),
    [
        (".story", "the selector '.story' finds nothing on the page"),
        (".card p", "the selector '.card p' finds elements without links"),
        ("nav a", "the selector 'nav a' finds elements without links"),
    ],
)
def test_a_selector_that_picks_no_article_gives_a_warning(selector: str, warning: str) -> None:
    assert parse_listing(PAGE, "text/html", ADDRESS, selector) == Links(warning=warning)


@pytest.mark.parametrize("body", [b"", b"   ", b"<!-- -->"])
def test_an_empty_page_lists_nothing(body: bytes) -> None:
    assert parse_listing(body, "text/html", ADDRESS, "a").links == ()


def test_what_is_no_text_is_an_error() -> None:
    with pytest.raises(ParseError, match="it is no text"):
        parse_listing(b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "image/png", ADDRESS, "a")


def test_only_so_many_links_are_taken_and_that_is_told() -> None:
    body = "".join(f'<a href="/{number}">{number}</a>' for number in range(MAX_LINKS + 1)).encode()
    found = parse_listing(body, "text/html", ADDRESS, "a")
    assert len(found.links) == MAX_LINKS
    assert found.warning == "it lists more than 200 articles; the first 200 are taken"
    exactly = parse_listing(body.rpartition(b"<a")[0], "text/html", ADDRESS, "a")
    assert (len(exactly.links), exactly.warning) == (MAX_LINKS, None)


@pytest.mark.parametrize(
    ("content_type", "meta"),
    [("text/html; charset=windows-1256", ""), ("text/html", '<meta charset="windows-1256">'), ("text/html", "")],
)
def test_an_old_arabic_page_is_read_in_its_character_set(content_type: str, meta: str) -> None:
    body = f'{meta}<a href="/1">اجتماع في دمشق</a>'.encode("windows-1256")
    assert parse_listing(body, content_type, ADDRESS, "a").links[0].title == "اجتماع في دمشق"


def test_a_page_that_declares_an_encoding_as_xml_is_read() -> None:
    body = b'<?xml version="1.0" encoding="utf-8"?><html><body><a href="/1">one</a></body></html>'
    assert parse_listing(body, "application/xhtml+xml", ADDRESS, "a").links[0].title == "one"


@pytest.mark.parametrize(
    "selector",
    ["a", "div.item > a", '.card h2 a[href*="/news/"]', "article:nth-child(2n+1)", ":is(h2, h3) a", "a " * 200],
)
def test_a_selector_that_can_be_used_has_no_fault(selector: str) -> None:
    assert selector_fault(selector) is None


@pytest.mark.parametrize(
    ("selector", "fault"),
    [
        ("", "no CSS selector: Expected selector"),
        ("div[", "no CSS selector: Expected ident"),
        ("//a", "no CSS selector: Expected selector"),
        ("a::text", "it picks a part of an element (::), not an element"),
        ("a:unread", "no CSS selector: The pseudo-class :unread is unknown"),
        ("x|a", "no CSS selector: Undefined namespace prefix"),
        ("a " * 201, "longer than 400 characters"),
    ],
)
def test_a_selector_that_cannot_be_used_is_told_why(selector: str, fault: str) -> None:
    assert (selector_fault(selector) or "").startswith(fault)


def test_damaged_pages_give_links_or_a_parse_error_and_nothing_else() -> None:
    chance = random.Random(20_261_125)
    for _ in range(200):
        damaged = bytearray(PAGE)
        for _ in range(chance.randint(1, 12)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 3)] = chance.choice(
                [b"&#xD800;", b"<", b'"', b"\x00", b"\xff", b"&"]
            )
        try:
            found = parse_listing(bytes(damaged[: chance.randint(1, len(damaged))]), "", ADDRESS, ".card, .wide, a")
        except ParseError:
            continue
        for link in found.links:
            assert link.url.startswith(("http://", "https://"))
            assert "\x00" not in (link.url + link.title).encode().decode()
