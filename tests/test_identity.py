from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.ingest.identity import Item, canonical_url, content_hash, identify
from monitor.ports import Sighting
from tests.samples import NOW


def sighting(item: Item, article: str, key: str | None = None) -> Sighting:
    return Sighting(
        source="s",
        key=key or item.key,
        article=article,
        content_hash=item.content_hash,
        revision=1,
        first_seen=NOW,
        listed=NOW,
    )


def article_of(item: Item, *seen: Sighting, source: str = "s") -> str:
    return identify(source, [item], {one.key: one for one in seen}, {one.article for one in seen})[0].article


@pytest.mark.parametrize(
    "same",
    [
        "http://news.example.org/a/1?id=7&page=2",
        "https://NEWS.Example.org/a/1?id=7&page=2",
        "https://news.example.org:443/a/1?id=7&page=2",
        "http://news.example.org:443/a/1?id=7&page=2",
        "https://news.example.org./a/1?id=7&page=2",
        "https://news.example.org/a/1/?id=7&page=2",
        "https://news.example.org/a/1?page=2&id=7",
        "https://news.example.org/a/1?id=7&page=2#comments",
        "https://news.example.org/a/1?id=7&utm_source=rss&UTM_medium=feed&page=2&fbclid=x&gclid=y",
        " https://news.example.org/%61/1?id=7&page=2\n",
    ],
)
def test_links_to_the_same_article_have_one_address(same: str) -> None:
    assert canonical_url(same) == "https://news.example.org/a/1?id=7&page=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://e.org/a?cid=1", "https://e.org/a?cid=2"),
        ("https://e.org/a?eid=1", "https://e.org/a?eid=2"),
        ("https://e.org/a?source=1", "https://e.org/a?source=2"),
        ("https://e.org/a?12345", "https://e.org/a?12346"),
        ("https://e.org/a%2Fb", "https://e.org/a/b"),
        ("https://e.org/a?q=1%262", "https://e.org/a?q=1&2"),
        ("https://e.org:8080/a", "https://e.org/a"),
        ("https://e.org/A", "https://e.org/a"),
        ("https://ar.e.org/a", "https://en.e.org/a"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::2]/a"),
    ],
)
def test_links_to_different_articles_stay_apart(one: str, other: str) -> None:
    assert canonical_url(one) != canonical_url(other)


def test_an_arabic_address_is_the_same_escaped_or_not() -> None:
    plain, escaped = "https://e.org/خبر", "https://e.org/%D8%AE%D8%A8%D8%B1"
    assert canonical_url(plain) == canonical_url(escaped) == canonical_url(escaped.lower()) == escaped


@pytest.mark.parametrize(
    "nothing",
    [
        "https://e.org",
        "https://e.org/?utm_source=rss",
        "urn:x",
        "/a/b",
        "http://[::1/a",
        "https://e.org:x/a",
        "http://./a",
    ],
)
def test_some_links_name_no_article(nothing: str) -> None:
    assert canonical_url(nothing) is None


@given(st.text() | st.from_regex(r"https?://[^/]{0,20}/.{0,40}", fullmatch=True))
def test_an_address_is_canonical_after_one_step(url: str) -> None:
    once = canonical_url(url)
    assert once is None or canonical_url(once) == once


def test_an_article_is_known_by_its_address_in_every_source() -> None:
    one = Item.of(key="guid-1", title="أ", text="ب", url="https://e.org/a")
    other = Item.of(key="guid-2", title="ج", text="د", url="http://e.org/a/?utm_source=x")
    assert article_of(one) == article_of(other, source="another")


def test_without_an_address_it_is_known_by_its_key_there() -> None:
    item = Item.of(key="a.txt", title="", text="أول")
    assert article_of(item) == article_of(replace(item, text="ثان"))
    assert article_of(item) != article_of(replace(item, key="b.txt"))
    assert article_of(item) != article_of(item, source="another")


def test_a_known_key_keeps_its_article_and_known_words_under_another_key_are_the_same() -> None:
    item = Item.of(key="a.txt", title="", text="أول")
    seen = sighting(item, "article-1")
    assert article_of(Item.of(key="a.txt", title="", text="جديد"), seen) == "article-1"
    assert article_of(Item.of(key="renamed.txt", title="", text="أول"), seen) == "article-1"
    assert article_of(Item.of(key="new.txt", title="", text="جديد"), seen) not in {"article-1", article_of(item)}


def test_two_items_of_the_same_words_in_one_listing_are_one_article() -> None:
    items = [Item.of(key=key, title="", text="نص واحد") for key in ("a.txt", "b.txt")]
    one, other = identify("s", items, {}, ())
    assert one.article == other.article


def test_marks_case_and_line_breaks_make_no_new_version() -> None:
    assert content_hash("مُحَمَّد", "A  Story\n\nof two") == content_hash("محمد", "a story of two")
    assert content_hash("a", "b") != content_hash("b", "a")
    assert content_hash("ab", "") != content_hash("a", "b")
