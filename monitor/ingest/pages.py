"""HTML into plain text with its paragraphs. Runs in a worker: any of these documents may be hostile.

Whole pages lose their navigation by trafilatura; fragments (a feed's summary) keep all their words. Text only comes
out, never mark-up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import lxml.html
import trafilatura
from lxml import etree

_BLOCKS: Final = frozenset(
    ["address", "article", "aside", "blockquote", "br", "div", "dd", "dl", "dt", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section", "table", "td", "th", "tr", "ul"]
)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says. ``date`` is as the page gives it: ``2026-11-24``."""

    title: str
    text: str
    date: str | None


def read_page(data: bytes, url: str | None = None) -> Page | None:
    """Return a page's article, None when there is no text in it."""
    tree = trafilatura.load_html(data)
    if tree is None:
        return None
    found = trafilatura.bare_extraction(tree, url=url, include_comments=False, favor_recall=True, with_metadata=True)
    text = (found.text if found else "") or fragment_text(trafilatura.html2txt(tree))
    heading = tree.findtext(".//h1") or tree.findtext(".//title") or ""
    title = (found.title if found else "") or " ".join(heading.split())
    return Page(title.strip(), text.strip(), found.date if found else None) if text.strip() else None


def fragment_text(html: str) -> str:
    """Return the text of a piece of HTML, each block a paragraph of its own; plain text stays as it is."""
    if "<" not in html and "&" not in html:
        return html.strip()
    try:
        root = lxml.html.fragment_fromstring(html, create_parent="div")
    except (etree.ParserError, ValueError):
        return ""
    for element in list(root.iter()):
        if not isinstance(element.tag, str) or element.tag in {"script", "style"}:
            _remove(element)
        elif element.tag in _BLOCKS and element is not root:
            element.tail = "\n\n" + (element.tail or "")
            previous = element.getprevious()
            if previous is not None:
                previous.tail = (previous.tail or "") + "\n\n"
            elif (parent := element.getparent()) is not None:
                parent.text = (parent.text or "") + "\n\n"
    paragraphs = (" ".join(part.split()) for part in root.text_content().split("\n\n"))
    return "\n\n".join(filter(None, paragraphs))


def _remove(element: lxml.html.HtmlElement) -> None:
    parent = element.getparent()
    if parent is None:
        return
    tail, previous = element.tail or "", element.getprevious()
    if previous is not None:
        previous.tail = (previous.tail or "") + tail
    else:
        parent.text = (parent.text or "") + tail
    parent.remove(element)
