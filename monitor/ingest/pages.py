"""Bytes and mark-up into plain text with its paragraphs. Text only comes out, never mark-up.

Whole pages lose their navigation by trafilatura; fragments (a feed's summary) keep all their words. The two that parse
mark-up run in a worker: any document may be hostile. Nothing is fetched here.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import lxml.html
import trafilatura
from lxml import etree

from monitor.errors import ParseError

MAX_TEXT: Final = 200_000
"""Characters of one article that are kept; a book is no news, and matching time grows with the text."""

_UNWANTED: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f\ud800-\udfff]")
_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
_DECLARED: Final = re.compile(
    rb"""<(?:meta\b[^>]{0,200}charset|\?xml\b[^>]{0,100}encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a page says; ``title`` may be empty. ``url`` is the address that it gives itself."""

    title: str
    text: str
    url: str | None = None
    published: datetime | None = None


def read_page(markup: str) -> Page:
    """Take the article out of a whole page.

    Raises:
        ParseError: there is no text in it.
    """
    found = trafilatura.bare_extraction(markup, include_comments=False, favor_recall=True, with_metadata=True)
    if found is None or isinstance(found, dict) or not (found.text or "").strip():
        text = text_of(markup)[:MAX_TEXT]
        if not text:
            raise ParseError("there is no text in it", retryable=False)
        return Page(title="", text=text)
    title = one_line(clean(found.title or ""))
    lines = [line for line in clean(found.text or "")[:MAX_TEXT].split("\n") if line.strip()]
    body = lines[1:] if len(lines) > 1 and one_line(lines[0]) == title else lines
    return Page(title=title, text="\n\n".join(body), url=found.url, published=instant(found.date))


def text_of(markup: str) -> str:
    """Return the words of a piece of HTML, its blocks as paragraphs between blank lines."""
    try:
        root = lxml.html.document_fromstring(f"<div>{clean(markup)}</div>", parser=_deep_parser())
    except (etree.ParserError, ValueError):
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


def _deep_parser() -> lxml.html.HTMLParser:
    # Without huge_tree, words below some hundred nested elements are dropped.
    return lxml.html.HTMLParser(huge_tree=True)


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


def instant(text: str | None) -> datetime | None:
    """Read an ISO date or instant, UTC where it does not say. Dates are evidence, so a bad one is none."""
    try:
        found = datetime.fromisoformat(text.strip()) if text else None
        return found and (found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return None


# --- Character sets --------------------------------------------------------------------------------------------------


def declared_encoding(data: bytes) -> str | None:
    """Return the character set that HTML or XML names in its first 2,000 bytes, if Python knows it."""
    found = _DECLARED.search(data[:2_000])
    return _known(found[1].decode("ascii", "replace")) if found else None


def _known(name: str) -> str | None:
    try:
        codecs.lookup(name).decode(b"a")  # refuses codecs that are no character sets, such as hex
    except (LookupError, ValueError):
        return None
    return codecs.lookup(name).name


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode as `encoding_of` finds.

    Raises:
        ParseError: it is in no character set that we know.
    """
    return data.decode(encoding_of(data, declared))


def encoding_of(data: bytes, declared: str | None = None) -> str:
    """Find the character set: by byte order mark, as ``declared``, UTF-8, or windows-1256 where that gives Arabic.

    Every byte is a character of windows-1256, so that it is taken only when the bytes cannot be meant as UTF-8 and most
    of the letters come out Arabic.

    Raises:
        ParseError: it is none of these.
    """
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    for candidate in marked or filter(None, [declared, "utf-8"]):
        if _decodes(data, candidate):
            return candidate
    if not marked and _is_windows_1256(data):
        return "windows-1256"
    raise ParseError("its bytes are neither UTF-8 nor windows-1256 text", retryable=False)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_windows_1256(data: bytes) -> bool:
    text = data.decode("windows-1256")
    return _is_arabic(text) and not _CONTROLS.search(text) and not _is_damaged_utf8(data)


def _is_arabic(text: str) -> bool:
    foreign = [char for char in text if char > "\x7f"]
    return sum("\u0600" <= char <= "\u06ff" for char in foreign) * 2 > len(foreign)


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell UTF-8 with some bad bytes, of which most still decode, from text in another character set."""
    high = len(data) - len(data.decode("ascii", "ignore"))
    return data.decode("utf-8", "replace").count("\ufffd") * 4 < high
