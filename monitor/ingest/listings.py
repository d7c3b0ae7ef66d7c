"""Pages that list articles into links, by a CSS selector: for sites that have neither a feed nor a sitemap.

Hides lxml and cssselect. Runs in a worker. The selector picks the links themselves, or the boxes that each hold one.
Knows nothing of what stands behind a link, and fetches nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import lxml.html
from cssselect import HTMLTranslator, SelectorError
from cssselect import parse as parse_selector
from lxml import etree

from monitor.ingest.decoding import decode_page
from monitor.ingest.identity import canonical_url
from monitor.ingest.pages import one_line, parse_html, text_of, web_address

MAX_LINKS: Final = 200
MAX_PICKED: Final = 1_000
"""Elements that are looked at; where they stand in one another, each holds the links of all within."""
MAX_WITHIN: Final = 20
"""Links that are compared within one element."""
MAX_TITLE: Final = 1_000
MAX_SELECTOR: Final = 400
"""Characters of a selector; the library calls itself for each step in it."""
_HEADINGS: Final = "descendant-or-self::*[self::h1 or self::h2 or self::h3 or self::h4 or self::h5 or self::h6]"


@dataclass(frozen=True, slots=True)
class Link:
    """A link to what may be an article, and the words that it is shown with; they may be none."""

    url: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What a page lists, in its order. ``warning`` says why that is nothing, or not all."""

    links: tuple[Link, ...] = ()
    warning: str | None = None


def selector_fault(selector: str) -> str | None:
    """Say what is wrong with a CSS selector; None when it can be used."""
    if len(selector) > MAX_SELECTOR:
        return f"longer than {MAX_SELECTOR} characters"
    try:
        if any(part.pseudo_element for part in parse_selector(selector)):
            return "it picks a part of an element (::), not an element"
        etree.XPath(_xpath(selector))(lxml.html.Element("html"))
    except (SelectorError, etree.XPathError) as error:
        return f"no CSS selector: {error}"
    return None


def parse_listing(body: bytes, content_type: str, address: str, selector: str) -> Links:
    """Take the links that ``selector`` picks out of a page at ``address``; `selector_fault` finds none in it.

    Links to one article are one, with the longest of their titles. A site's front page is no article, nor is the
    listing itself.

    Raises:
        ParseError: it is no text.
    """
    root = parse_html(decode_page(body, content_type))
    picked = root.xpath(_xpath(selector)) if root is not None else []
    if not picked:
        return Links(warning=f"the selector {selector!r} finds nothing on the page")
    base = base_of(root, address)
    found: dict[str, Link] = {canonical_url(address) or address: Link("", "")}
    for element in picked[:MAX_PICKED]:
        link = _link(element, base)
        key = link and canonical_url(link.url)
        if not link or not key:
            continue
        if key not in found and len(found) > MAX_LINKS:
            return _links(found, f"it lists more than {MAX_LINKS} articles; the first {MAX_LINKS} are taken")
        before = found.get(key, link)
        found[key] = Link(before.url, max(before.title, link.title, key=len))
    return _links(found, None if len(found) > 1 else f"the selector {selector!r} finds elements without links")


def base_of(root: Any, address: str) -> str:  # noqa: ANN401 - lxml has no types
    """Return what a page's relative links are relative to."""
    named = root.xpath("//base/@href")
    return (named and web_address(named[0], address)) or address


def words_of(element: Any) -> str:  # noqa: ANN401 - lxml has no types
    """Return what an element says, in one line."""
    return one_line(text_of(lxml.html.tostring(element, encoding="unicode", with_tail=False)))[:MAX_TITLE]


def _xpath(selector: str) -> str:
    return HTMLTranslator().css_to_xpath(selector, prefix="descendant-or-self::")


def _link(element: Any, base: str) -> Link | None:  # noqa: ANN401 - lxml has no types
    links = [element] if element.tag == "a" else element.xpath("descendant::a[@href]")
    links = links or element.xpath("ancestor::a[@href][1]")  # a headline within a link
    worded = [(anchor, words_of(anchor)) for anchor in links[:MAX_WITHIN]]
    anchor, words = max(worded, key=lambda pair: len(pair[1]), default=(None, ""))
    url = web_address(anchor.get("href"), base) if anchor is not None and anchor.get("href") else None
    return Link(url, words or _heading(element)) if url else None


def _heading(element: Any) -> str:  # noqa: ANN401 - lxml has no types
    return next(filter(None, map(words_of, element.xpath(_HEADINGS))), "")


def _links(found: dict[str, Link], warning: str | None) -> Links:
    _, *links = found.values()
    return Links(links=tuple(links), warning=warning)
