"""Bytes and mark-up into plain text with its paragraphs. Text only comes out, never mark-up.

Whole pages lose their navigation by trafilatura; fragments (a feed's summary) keep all their words. What parses mark-up
runs in a worker: any document may be hostile. Nothing is fetched here.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urldefrag, urljoin, urlsplit

import lxml.html
import trafilatura
from lxml import etree

from monitor.errors import ParseError
from monitor.ingest.decoding import decode_page
from monitor.ingest.identity import canonical_url

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT: Final = 200_000
"""Characters of one article that are kept; a book is no news, and matching time grows with the text."""

MAX_URL: Final = 2_048
"""Characters of an address; each letter of an Arabic one is six."""

_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
_SILENT: Final = frozenset({"script", "style", "template", "noscript", "head", "title", "iframe", "object", "svg"})
_BLOCKS: Final = frozenset(
    [
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "dialog", "div"),
        *("dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6"),
        *("header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "summary", "table", "td", "th", "tr", "ul"),
    ]
)
_SPACES: Final = re.compile(r"[^\S\n]+")
_GAPS: Final = re.compile(r" ?\n ?(?:\n ?)+")
_LINKED_DATA: Final = re.compile(r"<script\b[^>]{0,300}\bld\+json\b[^>]{0,300}>", re.IGNORECASE)
_SCRIPT_END: Final = re.compile("</script", re.IGNORECASE)
_BEGINNING: Final = 80
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says; ``title`` may be empty. ``url`` is the address that it gives itself, unless a front page."""

    title: str
    text: str
    url: str | None = None
    published: datetime | None = None


def read_article(body: bytes, content_type: str) -> Page:
    """Take the article out of a page that was served as ``content_type``.

    Raises:
        ParseError: it is no text, or there is none in it.
    """
    return read_page(decode_page(body, content_type))


def read_page(markup: str) -> Page:
    """Take the article out of a whole page. Its date is what it says, whatever that is.

    Raises:
        ParseError: there is no text in it.
    """
    found = trafilatura.bare_extraction(markup, include_comments=False, favor_recall=True, with_metadata=True)
    told = _told_body(markup)
    if found is None or isinstance(found, dict) or not (found.text or "").strip():
        text = (told or text_of(markup))[:MAX_TEXT]
        if not text:
            raise ParseError("there is no text in it", retryable=False)
        return Page(title="", text=text)
    title = one_line(clean(found.title or ""))
    lines = [line for line in clean(found.text or "")[:MAX_TEXT].split("\n") if line.strip()]
    body = lines[1:] if len(lines) > 1 and one_line(lines[0]) == title else lines
    text = "\n\n".join(body)
    return Page(
        title=title,
        text=told if _says_more(told, text) else text,
        url=found.url if found.url and canonical_url(found.url) else None,
        published=instant(found.date),
    )


def _says_more(told: str, text: str) -> bool:
    """Tell whether what search engines are told is much more, or what trafilatura took too, without its paragraphs."""
    is_same = "\n" not in text and one_line(told[:_BEGINNING]) == one_line(text[:_BEGINNING])
    return len(told) > 2 * len(text) or (is_same and bool(told))


def _told_body(markup: str) -> str:
    """Return the text that a page tells search engines; it may show readers less, or write it by a script."""
    if '"articleBody"' not in markup:
        return ""
    bodies = (thing.get("articleBody") for thing in _linked_data(markup) if _is_article(thing.get("@type")))
    longest = max((body for body in bodies if isinstance(body, str)), key=len, default="")
    return _paragraphs(clean(longest))[:MAX_TEXT]


def _linked_data(markup: str) -> Iterator[dict[str, Any]]:
    """Yield what the page's JSON-LD is about; what is nested in that (related articles) is something else."""
    for script in _data_scripts(markup):
        try:
            value: Any = json.loads(script, strict=False)
        except (ValueError, RecursionError):
            continue
        things = value if isinstance(value, list) else [value]
        graphs = (thing.get("@graph", [thing]) for thing in things if isinstance(thing, dict))
        yield from (thing for graph in graphs if isinstance(graph, list) for thing in graph if isinstance(thing, dict))


def _data_scripts(markup: str) -> Iterator[str]:
    # Not one expression for all of it: that looks through the rest of the page for each script that has no end.
    start = _LINKED_DATA.search(markup)
    while start and (end := _SCRIPT_END.search(markup, start.end())):
        yield markup[start.end() : end.start()]
        start = _LINKED_DATA.search(markup, end.end())


def _is_article(kind: object) -> bool:
    kinds = kind if isinstance(kind, list) else [kind]
    return any(isinstance(name, str) and (name == "Article" or name.endswith("NewsArticle")) for name in kinds)


def _paragraphs(text: str) -> str:
    if _TAG.search(text):
        return text_of(text)
    return "\n\n".join(line for line in map(one_line, clean(html.unescape(text)).splitlines()) if line)


def text_of(markup: str) -> str:
    """Return the words of a piece of HTML, its blocks as paragraphs between blank lines."""
    root = parse_html(f"<div>{markup}</div>")
    if root is None:
        return ""
    pieces: list[str] = []
    walk = etree.iterwalk(root, events=("start", "end", "comment", "pi"))
    for event, element in walk:
        if event == "start":
            silent = element.tag in _SILENT
            pieces += [_break(element.tag), "" if silent else _run(element.text)]
            if silent:
                walk.skip_subtree()
        else:
            pieces += [_break(element.tag) if element.tag in _BLOCKS else "", _run(element.tail)]
    return _GAPS.sub("\n\n", _SPACES.sub(" ", "".join(pieces))).strip()


def parse_html(markup: str) -> Any | None:  # noqa: ANN401 - lxml has no types
    """Parse HTML; None when there is nothing in it."""
    # Without huge_tree, words below some hundred nested elements are dropped. As bytes, because a text that declares an
    # encoding is refused.
    parser = lxml.html.HTMLParser(huge_tree=True, encoding="utf-8")
    try:
        return lxml.html.document_fromstring(clean(markup).encode(), parser=parser)
    except (etree.ParserError, ValueError):
        return None


def _run(text: str | None) -> str:
    # Line breaks in the source are spaces to a reader.
    return " ".join(text.split("\n")) if text else ""


def _break(tag: str) -> str:
    return "\n\n" if tag in _BLOCKS else "\n" if tag == "br" else ""


def clean(text: str) -> str:
    """Write a space for what no database and no mail takes: NUL and other controls, lone surrogates.

    One for one, so that a place in the text is the same place in what was published.
    """
    return _UNWANTED.sub(" ", text)


def one_line(text: str) -> str:
    """Write a title in one line."""
    return " ".join(text.split())


def web_address(link: str, base: str) -> str | None:
    """Resolve a link that stands in a document at ``base``, without its fragment; None when it leads to no web page."""
    try:
        parts = urlsplit(urldefrag(urljoin(base, clean(link).strip().replace(" ", "%20"))).url)
        _ = parts.port  # raises for what is none
    except ValueError:
        return None
    url = parts.geturl()
    return url if parts.scheme in {"http", "https"} and parts.hostname and len(url) <= MAX_URL else None


def instant(text: str | None) -> datetime | None:
    """Read an ISO date or instant, UTC where it does not say. Dates are evidence, so a bad one is none."""
    try:
        found = datetime.fromisoformat(text.strip()) if text else None
        return found and (found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None
