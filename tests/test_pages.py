import random
from pathlib import Path

import pytest

from monitor.errors import ParseError
from monitor.ingest.decoding import decode_served
from monitor.ingest.pages import MAX_TEXT, MAX_URL, read_article, read_page, web_address

ARTICLES = Path(__file__).parent / "data" / "articles"
HEADLINE = "اجتماع في دمشق"
SENTENCE = "أعلنت الوزارة أن الاجتماع عقد صباح الثلاثاء في العاصمة."
PAGE = f"<html><head>{{}}<title>{HEADLINE}</title></head><body><h1>{HEADLINE}</h1><p>{SENTENCE}</p></body></html>"


@pytest.mark.parametrize(
    ("content_type", "head", "encoding"),
    [
        ("text/html", '<meta charset="windows-1256">', "windows-1256"),
        ("text/html", "<meta http-equiv='Content-Type' content='text/html; charset=windows-1256'>", "windows-1256"),
        ("text/html; charset=windows-1256", "", "windows-1256"),
        ("text/html; charset=ISO-8859-1", '<meta charset="windows-1256">', "windows-1256"),
        ("text/html", "", "windows-1256"),
        ("text/html; charset=iso-8859-6", "", "iso-8859-6"),
        ("text/html; charset=utf-8", '<meta charset="windows-1256">', "utf-8"),
        ("text/html; charset=ISO-8859-1", "", "utf-8"),
        ("text/html; charset=windows-1256", "", "utf-8"),
        ("text/html; charset=no-such-set", "", "utf-8"),
        ('text/html; charset="UTF-8"', "", "utf-8"),
        ("text/html", "", "utf-8-sig"),
        ("text/html", "", "utf-16"),
        ("", "", "utf-8"),
    ],
)
def test_an_arabic_page_is_read_however_it_is_encoded(content_type: str, head: str, encoding: str) -> None:
    page = read_article(PAGE.format(head).encode(encoding), content_type)
    assert (page.title, page.text) == (HEADLINE, SENTENCE)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("d’été €".encode("windows-1252"), "text/html; charset=ISO-8859-1", "d’été €"),
        ("Größe".encode("latin-1"), "text/html; charset=us-ascii", "Größe"),
        ("привет".encode("koi8-r"), "text/html; charset=koi8-r", "привет"),
        (b'<meta charset="utf-16">plain', "text/html", '<meta charset="utf-16">plain'),
        (("سوريا " * 20).encode()[:-2], "text/html; charset=utf-8", ("سوريا " * 20)[:-2] + "�"),
        (b"\x81\x98 " + "привет".encode("windows-1251"), "text/html; charset=windows-1251", "Ѓ� привет"),
    ],
)
def test_bytes_become_these_words(body: bytes, content_type: str, text: str) -> None:
    assert decode_served(body, content_type) == text


@pytest.mark.parametrize("body", [b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe\xd8", b"", b"   ", bytes(range(256))])
def test_what_holds_no_text_is_no_article(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_article(body, "text/html")


def test_a_text_that_only_search_engines_are_shown_is_read() -> None:
    page = read_article((ARTICLES / "data-only.html").read_bytes(), "text/html")
    assert page.title == "السد يمتلئ من جديد"
    assert page.text.split("\n\n")[1].endswith("نهاية الشهر & إن القرى المجاورة أُبلغت بذلك.")
    assert "track" not in page.text
    assert "خبر آخر" not in page.text


def test_what_is_shown_counts_where_it_is_no_less() -> None:
    data = '<script type="application/ld+json">{"@type":"NewsArticle","articleBody":"موجز"}</script>'
    assert read_page(PAGE.format(data)).text == SENTENCE


@pytest.mark.parametrize(
    "value",
    ['{"@type": "NewsArticle", "articleBody": 7}', "[1, null]", '{"@graph": 3}', "[" * 100_000, '{"articleBody"'],
)
def test_data_in_any_shape_does_no_harm(value: str) -> None:
    data = f'<script type="application/ld+json">{value}</script><!-- "articleBody" -->'
    assert read_page(PAGE.format(data)).text == SENTENCE


def test_a_long_text_is_kept_as_far_as_any() -> None:
    body = "كلمة " * MAX_TEXT
    data = f'<script type="application/ld+json">{{"@type":"Article","articleBody":"{body}"}}</script>'
    assert len(read_page(PAGE.format(data)).text) == MAX_TEXT


@pytest.mark.parametrize(
    ("canonical", "url"),
    [
        ("https://www.example.org/ar/1", "https://www.example.org/ar/1"),
        ("https://www.example.org/", None),
        ("https://www.example.org", None),
        ("/ar/1", None),
        ("javascript:x()", None),
    ],
)
def test_a_page_that_gives_the_front_page_as_its_address_has_none(canonical: str, url: str | None) -> None:
    assert read_page(PAGE.format(f'<link rel="canonical" href="{canonical}">')).url == url


@pytest.mark.parametrize(
    ("link", "url"),
    [
        ("/a b", "https://www.example.org/a%20b"),
        ("//cdn.example.org/x", "https://cdn.example.org/x"),
        (" ../c#d\n", "https://www.example.org/c"),
        ("?p=1", "https://www.example.org/ar/?p=1"),
        ("HTTP://EXAMPLE.org/x", "http://EXAMPLE.org/x"),
        ("/سياسة", "https://www.example.org/سياسة"),
        ("mailto:a@example.org", None),
        ("data:text/html,x", None),
        ("https://", "https://www.example.org/ar/"),
        ("http://[x", None),
        ("http://example.org:port/", None),
        ("/" + "a" * MAX_URL, None),
    ],
)
def test_a_link_leads_to_this_address(link: str, url: str | None) -> None:
    assert web_address(link, "https://www.example.org/ar/") == url


def test_damaged_pages_give_text_or_a_parse_error_and_nothing_else() -> None:
    whole = (ARTICLES / "data-only.html").read_bytes()
    chance = random.Random(20_261_125)
    for _ in range(60):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 3)] = chance.choice(
                [b"&#xD800;", b"<", b'"', b"\x00", b"\xff", b"\\"]
            )
        try:
            page = read_article(bytes(damaged[: chance.randint(1, len(damaged))]), "")
        except ParseError:
            continue
        assert "\x00" not in page.title + page.text
        (page.title + page.text).encode()
