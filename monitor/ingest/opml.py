"""Lists of feeds as readers exchange them (OPML), read and written.

By `markup`, not by listparser (0.20): that one makes entries that share an address one, takes any address, passes over
those of ``type="rss"`` with a ``url``, and writes nothing. Reading runs in a worker. Nothing is fetched here, neither
feeds nor lists that a list includes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC
from email.utils import format_datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from monitor.errors import ParseError
from monitor.ingest.decoding import decode_served
from monitor.ingest.markup import Document, name_of
from monitor.ingest.pages import clean, one_line, web_address

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

MAX_OUTLINES: Final = 10_000
MAX_NAME: Final = 1_000
_NO_CHARACTERS: Final = re.compile("[\x0c\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Outline:
    """A feed in a list: what it is called there, its address, and the folders that it is in, the outermost first."""

    title: str
    url: str
    folders: tuple[str, ...] = ()


def read_opml(body: bytes) -> tuple[Outline, ...]:
    """Read a list of feeds, in its order; what has no address on the web is left out, and damage ends it.

    Raises:
        ParseError: this is no OPML.
    """
    document = Document(decode_served(body, ""))
    if document.root != "opml":
        raise ParseError("this is no list of feeds (OPML)", retryable=False)
    return tuple(islice(_outlines(document), MAX_OUTLINES))


def _outlines(document: Document) -> Iterator[Outline]:
    folders: list[str] = []
    for begins, element in document.elements():
        if name_of(element) != "outline":
            continue
        if not begins:
            folders.pop()
            continue
        told = {name.lower(): value for name, value in element.attrib.items()}
        name, address = _name(told), _address(told)
        if address:
            yield Outline(name, address, tuple(filter(None, folders)))
        folders.append("" if address else name)


def _name(told: Mapping[str, str]) -> str:
    return _plain(told.get("text", "").strip() or told.get("title", ""))


def _address(told: Mapping[str, str]) -> str | None:
    is_feed = told.get("type", "").lower() in {"rss", "atom", "feed"}
    named = told.get("xmlurl", "") or (told.get("url", "") if is_feed else "")
    return web_address(named, "")


def _plain(text: str) -> str:
    """Write a name as XML can hold it, in one line."""
    return one_line(_NO_CHARACTERS.sub(" ", clean(text)))[:MAX_NAME].strip()


# --- Writing ---------------------------------------------------------------------------------------------------------


def write_opml(outlines: Iterable[Outline], title: str, now: datetime) -> bytes:
    """Write a list of feeds as OPML 2.0, each folder once, where it first occurs."""
    root = etree.Element("opml", version="2.0")
    head = etree.SubElement(root, "head")
    etree.SubElement(head, "title").text = _plain(title)
    etree.SubElement(head, "dateCreated").text = format_datetime(now.astimezone(UTC), usegmt=True)
    folders: dict[tuple[str, ...], Any] = {(): etree.SubElement(root, "body")}
    for outline in outlines:
        name = _plain(outline.title) or outline.url
        parent = _folder(folders, tuple(filter(None, map(_plain, outline.folders))))
        etree.SubElement(parent, "outline", text=name, title=name, type="rss", xmlUrl=_plain(outline.url))
    written: bytes = etree.tostring(root, encoding="utf-8", xml_declaration=True, pretty_print=True)
    return written


def _folder(folders: dict[tuple[str, ...], Any], path: tuple[str, ...]) -> Any:  # noqa: ANN401 - lxml has no types
    """Return the element of a folder, made when it is first asked for, in that of the one around it."""
    if path not in folders:
        around = _folder(folders, path[:-1])
        folders[path] = etree.SubElement(around, "outline", text=path[-1], title=path[-1])
    return folders[path]
