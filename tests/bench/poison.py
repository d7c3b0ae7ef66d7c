"""What a hostile document can do to a parser: `python -m tests.bench.poison`.

Each is parsed as the poller does it, in a worker that may be killed, with a deadline of 10 s; after each a plain feed
is parsed by the same workers. A row says what came of it, how long it took, and the worker's peak memory above the
plain feed's.
"""

from __future__ import annotations

import os
import resource
import socket
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TYPE_CHECKING, Final, NoReturn

from monitor.errors import ParseError
from monitor.ingest.feeds import parse_feed
from monitor.ingest.listings import parse_listing
from monitor.ingest.pages import read_article
from monitor.ingest.sitemaps import parse_sitemap
from monitor.worker import Workers

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEADLINE: Final = timedelta(seconds=10)
HOME: Final = "https://e.org/"
SECRET: Final = "canary"


def feed(body: str) -> str:
    found = parse_feed(body.encode(), "application/rss+xml", HOME)
    shown = " ".join(f"{item.title} {item.text}" for item in found.items)
    told = " AND TELLS A FILE" if SECRET in shown else ""
    return f"{len(found.items)} items of {len(shown):,} letters{told}" + (f", {found.warning}" if found.warning else "")


def sitemap(body: str) -> str:
    found = parse_sitemap(body.encode(), "text/xml", HOME)
    return f"{len(found.items)} items" + (f", {found.warning}" if found.warning else "")


def listing(body: str) -> str:
    found = parse_listing(body.encode(), "text/html", HOME, "a")
    return f"{len(found.links)} links" + (f", {found.warning}" if found.warning else "")


def page(body: str) -> str:
    return f"an article of {len(read_article(body.encode(), 'text/html').text):,} letters"


def dies(_: str) -> NoReturn:
    os.abort()


def hoards(_: str) -> str:
    return f"{len(bytes(8 << 30))}"


def rss(inside: str, before: str = "") -> str:
    return f'<?xml version="1.0"?>{before}<rss version="2.0"><channel><title>t</title>{inside}</channel></rss>'


def entry(title: str = "خبر", more: str = "") -> str:
    return f"<item><title>{title}</title><link>https://e.org/1</link>{more}</item>"


PLAIN: Final = rss(entry())


def laughs(levels: int) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, levels))
    return rss(entry(f"X&l{levels - 1};Y"), f'<!DOCTYPE rss [<!ENTITY l0 "ha">{entities}]>')


def numbered(count: int) -> str:
    return " ".join(f'a{number}="1"' for number in range(count))


@dataclass(frozen=True)
class Poison:
    """What parses a document, and the document, made where it is parsed. FILE and PORT in it are traps."""

    name: str
    parse: Callable[[str], str]
    make: Callable[[], str]


POISONS: Final = (
    Poison("none: a plain feed", feed, lambda: PLAIN),
    Poison("a billion laughs", feed, lambda: laughs(9)),
    Poison("a billion laughs in a sitemap", sitemap, lambda: laughs(9).replace("rss", "urlset")),
    Poison(
        "quadratic entities",
        feed,
        lambda: rss(entry("&a;" * 50_000), f'<!DOCTYPE rss [<!ENTITY a "{"a" * 50_000}">]>'),
    ),
    Poison(
        "an entity that is a file",
        feed,
        lambda: rss(entry("X&x;Y"), '<!DOCTYPE rss [<!ENTITY x SYSTEM "file://FILE">]>'),
    ),
    Poison("a DTD elsewhere", feed, lambda: rss(entry(), '<!DOCTYPE rss SYSTEM "http://127.0.0.1:PORT/x.dtd">')),
    Poison("200,000 attributes on an element", feed, lambda: rss(f"<item {numbered(200_000)}><title>x</title></item>")),
    Poison("50,000 categories in an entry", feed, lambda: rss(entry(more="<category>c</category>" * 50_000))),
    Poison("100,000 entries", feed, lambda: rss("".join(entry(f"{number}") for number in range(100_000)))),
    Poison("a title of 20 MB", feed, lambda: rss(entry("ب" * 10_000_000))),
    Poison("elements 100,000 deep", feed, lambda: rss(entry(more="<a>" * 100_000))),
    Poison("50,000 beginnings of sections", feed, lambda: rss(entry(more="<description>" + "<![" * 50_000))),
    Poison("JSON 100,000 deep", feed, lambda: '{"items":' + "[" * 100_000),
    Poison("utf-7, declared", feed, lambda: PLAIN.replace("?>", ' encoding="utf-7"?>')),
    Poison("NUL, controls, half a character", feed, lambda: rss(entry("a\x00b\x07c&#xD800;d"))),
    Poison(
        "dates of 1970, 2099 and none",
        feed,
        lambda: rss(
            "".join(entry(when, f"<pubDate>{when}</pubDate>") for when in ("1970-01-01", "2099-01-01", "soon"))
        ),
    ),
    Poison("not closed anywhere", feed, lambda: rss(entry())[:-40]),
    Poison("a page of 200,000 attributes", page, lambda: f"<p {numbered(200_000)}>نص"),
    Poison("a page of lists 20,000 deep", page, lambda: "<ul><li>نص" * 20_000),
    Poison("a page of tables 5,000 deep", page, lambda: "<table><tr><td>نص" * 5_000),
    Poison("a page of 100,000 paragraphs", page, lambda: "<p>نص قصير" * 100_000),
    Poison("a page of 20,000 links", listing, lambda: "".join(f"<a href=/{n}>خبر {n}</a>" for n in range(20_000))),
    Poison("boxes 3,000 deep", listing, lambda: "<div><a href=/x>خبر" * 3_000),
    Poison(
        "a sitemap of 50,000 addresses",
        sitemap,
        lambda: "<urlset>" + "".join(f"<url><loc>{HOME}{n}</loc></url>" for n in range(50_000)) + "</urlset>",
    ),
    Poison("a parser that crashes", dies, lambda: PLAIN),
    Poison("a parser that wants 8 GB", hoards, lambda: PLAIN),
)


def measured(number: int, file: str, port: int) -> tuple[str, float, int]:
    """Parse in a worker: what came of it, seconds, and kilobytes."""
    poison = POISONS[number]
    document = poison.make().replace("FILE", file).replace("PORT", str(port))
    begun = perf_counter()
    try:
        told = poison.parse(document)
    except ParseError as error:
        told = f"refused: {error.reason}"
    seconds = perf_counter() - begun
    return told, seconds, _peak()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def parse(number: int, file: str, port: int) -> dict[str, object]:
    """Parse with new workers, then a plain feed with the same."""
    workers = Workers(1)
    plain = workers.run(measured, 0, file, port, deadline=DEADLINE)
    begun = perf_counter()
    try:
        told, seconds, peak = workers.run(measured, number, file, port, deadline=DEADLINE)
    except ParseError as error:
        told, seconds, peak = f"killed: {error.reason}", perf_counter() - begun, 0
    after = workers.run(measured, 0, file, port, deadline=DEADLINE)
    workers.close()
    return {
        "name": POISONS[number].name,
        "outcome": told,
        "seconds": seconds,
        "added_mb": max(peak - plain[2], 0) / 1024,
        "next": after[0] == plain[0],
    }


def table(rows: Sequence[dict[str, object]]) -> None:
    print(f"{'document':34} {'seconds':>7} {'MB':>5}  next  outcome")
    for row in rows:
        following = "ok" if row["next"] else "NO"
        print(
            f"{row['name']:34} {row['seconds']:7.2f} {row['added_mb']:5.0f}  {following:4}  {str(row['outcome'])[:110]}"
        )


def main() -> None:
    with TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as trap:
        file = Path(folder, "secret")
        file.write_text(SECRET, "utf-8")
        calls: list[object] = []
        threading.Thread(target=_count, args=[trap, calls], daemon=True).start()
        port = trap.getsockname()[1]
        table([parse(number, str(file), port) for number in range(len(POISONS))])
        print(f"connections to where a DTD was said to be: {len(calls)}")


def _count(trap: socket.socket, calls: list[object]) -> None:
    while True:
        try:
            calls.append(trap.accept())
        except OSError:
            return


if __name__ == "__main__":
    from tests.bench import poison  # workers find functions by where they can be imported from

    poison.main()
