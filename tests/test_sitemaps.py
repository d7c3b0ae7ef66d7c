import gzip
import json
import random
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.errors import ParseError
from monitor.ingest.sitemaps import MAX_ENTRIES, MAX_UNPACKED, Sitemap, parse_sitemap, unpack
from monitor.worker import Workers

DATA = Path(__file__).parent / "data" / "sitemaps"
GOLDEN = sorted(path.stem for path in DATA.glob("*.json"))
ADDRESS = "https://www.example.org/sitemap.xml"


def shown(sitemap: Sitemap) -> dict[str, object]:
    return {
        "items": [
            {
                "url": item.url,
                "title": item.title,
                "published": item.published and item.published.isoformat(),
                "lang": item.lang,
            }
            for item in sitemap.items
        ],
        "children": [
            {"url": child.url, "modified": child.modified and child.modified.isoformat()} for child in sitemap.children
        ],
        "modified": {key: found.isoformat() for key, found in sitemap.modified.items()},
        "dropped": sitemap.dropped,
    }


def urlset(*entries: str) -> bytes:
    return f"<urlset>{''.join(entries)}</urlset>".encode()


def entry(number: int, date: str = "") -> str:
    return f"<url><loc>https://www.example.org/{number}</loc>{date and f'<lastmod>{date}</lastmod>'}</url>"


@pytest.mark.parametrize("name", GOLDEN)
def test_a_sitemap_gives_these_items(name: str) -> None:
    sitemap = parse_sitemap((DATA / f"{name}.xml").read_bytes(), "application/xml", ADDRESS)
    expected = json.loads((DATA / f"{name}.json").read_text("utf-8"))
    warning = expected.pop("warning")
    assert shown(sitemap) == expected
    assert bool(sitemap.warning) == bool(warning)
    assert (warning or "") in (sitemap.warning or "")
    assert [item.key for item in sitemap.items] == [item.url for item in sitemap.items]
    assert not any(item.text for item in sitemap.items)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'<?xml version="1.0"?><rss version="2.0"><channel/></rss>', "this is a feed: write url: instead of sitemap:"),
        (b'<feed xmlns="http://www.w3.org/2005/Atom"/>', "this is a feed"),
        (b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>', "this is a feed"),
        (b"<!DOCTYPE html><title>404</title>", "this is a web page, no sitemap"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "this is a web page, no sitemap"),
        (b"<opml/>", "this is no sitemap: it begins with <opml>"),
        (b"", "neither XML nor a list of addresses"),
        (b"User-agent: *", "neither XML nor a list of addresses"),
        (b'{"urls": []}', "neither XML nor a list of addresses"),
        (b"\x1f\x8bnot gzip at all", "its gzip is damaged"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\xff\xfe", "neither"),
    ],
)
def test_what_is_no_sitemap_is_told_for_what_it_is(body: bytes, reason: str) -> None:
    with pytest.raises(ParseError, match=reason):
        parse_sitemap(body, "application/xml", ADDRESS)


def test_a_packed_sitemap_is_unpacked() -> None:
    packed = gzip.compress((DATA / "news.xml").read_bytes())
    plain = parse_sitemap((DATA / "news.xml").read_bytes(), "application/xml", ADDRESS)
    assert parse_sitemap(packed, "application/gzip", ADDRESS) == plain


def test_a_packed_sitemap_that_is_cut_off_gives_what_stands_before() -> None:
    chance = random.Random(1)
    entries = [entry(number, f"2026-11-{chance.randint(1, 28):02}") for number in range(1_000)]
    packed = gzip.compress(urlset(*entries))
    found = parse_sitemap(packed[: len(packed) // 2], "application/gzip", ADDRESS)
    assert 100 < len(found.items) < 1_000
    assert found.items[-1].url == f"https://www.example.org/{len(found.items) - 1}"
    assert found.warning == "it is cut off"


def test_a_list_of_addresses_that_is_cut_off_ends_before_the_half_one() -> None:
    packed = gzip.compress("\n".join(f"https://www.example.org/{number * 7919}" for number in range(5_000)).encode())
    found = parse_sitemap(packed[: len(packed) // 2], "text/plain", ADDRESS)
    assert found.items[-1].url == f"https://www.example.org/{(len(found.items) + found.dropped - 1) * 7919}" or (
        len(found.items) == MAX_ENTRIES
    )
    assert "it is cut off" in (found.warning or "")


def test_unpacking_stops_at_its_limit() -> None:
    body, is_whole = unpack(gzip.compress(b" " * (MAX_UNPACKED + 1)), MAX_UNPACKED)
    assert (len(body), is_whole) == (MAX_UNPACKED, False)
    assert unpack(b"<urlset/>", 4) == (b"<urlset/>", True)


def test_the_newest_of_many_are_kept_in_their_order_and_the_undated_after_them() -> None:
    old = [entry(number, "2020-01-01") for number in range(30)]
    undated = [entry(number) for number in range(30, 60)]
    new = [entry(number, f"2026-11-24T{number % 24:02}:00:00Z") for number in range(60, 60 + MAX_ENTRIES - 10)]
    found = parse_sitemap(urlset(*old, *undated, *new), "", ADDRESS)
    numbers = [int(item.key.rpartition("/")[2]) for item in found.items]
    assert numbers == [*range(10), *range(60, 60 + MAX_ENTRIES - 10)]
    assert found.dropped == 50
    assert found.warning == f"it lists {MAX_ENTRIES + 50} addresses, and the {MAX_ENTRIES} newest are taken"


def test_undated_entries_are_kept_in_the_order_of_the_document() -> None:
    found = parse_sitemap(urlset(*map(entry, range(MAX_ENTRIES + 5))), "", ADDRESS)
    assert [item.key.rpartition("/")[2] for item in found.items] == [str(number) for number in range(MAX_ENTRIES)]


def test_a_page_that_is_listed_twice_is_one_and_the_headline_wins() -> None:
    titled = entry(1).replace("</url>", "<news><title>خبر</title></news></url>")
    found = parse_sitemap(urlset(entry(1), entry(2), titled), "", ADDRESS)
    assert [(item.key.rpartition("/")[2], item.title) for item in found.items] == [("1", "خبر"), ("2", "")]
    assert found.dropped == 0


def test_a_whole_sitemap_of_the_largest_size_is_read_within_a_worker(tmp_path: Path) -> None:
    entries = (entry(number, f"2026-11-{number % 28 + 1:02}") for number in range(50_000))
    packed = gzip.compress(urlset(*entries))
    workers = Workers(1)
    try:
        found = workers.run(parse_sitemap, packed, "application/gzip", ADDRESS, deadline=timedelta(seconds=100))
    finally:
        workers.close()
    assert (len(found.items), found.dropped) == (MAX_ENTRIES, 50_000 - MAX_ENTRIES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["news", "index", "plain", "entities"])
def test_damaged_sitemaps_give_entries_or_a_parse_error_and_nothing_else(name: str) -> None:
    whole = (DATA / f"{name}.xml").read_bytes()
    chance = random.Random(20_261_125)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            place = chance.randrange(len(damaged))
            damaged[place : place + chance.randint(0, 3)] = bytes(chance.randrange(256) for _ in range(2))
        try:
            found = parse_sitemap(bytes(damaged[: chance.randint(1, len(damaged))]), "", ADDRESS)
        except ParseError:
            continue
        for item in found.items:
            assert item.key.startswith(("http://", "https://"))
            assert not set(item.key + item.title) & {"\x00", "\x1b", "\ud800"}
            (item.key + item.title).encode()
