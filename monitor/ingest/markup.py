"""XML that may be damaged or hostile, element by element, as far as it goes. Hides lxml's parser and its dangers.

No entity is expanded, nothing is fetched, no half of a character comes out. What is cut off does not end, so that half
an address is never taken for a whole one. Runs in a worker: attributes can keep any parser busy.
"""

from __future__ import annotations

import html
import re
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from monitor.ingest.pages import clean

if TYPE_CHECKING:
    from collections.abc import Iterator

_BEGINS_WITHIN: Final = 1_000
_STEP: Final = 65_536
_BLANK: Final = "\ufeff \t\r\n"
_PROLOGUE: Final = re.compile(r"(?:<\?[^>]*>\s*|<!--.*?-->\s*)*", re.DOTALL)
_ROOT: Final = re.compile(r"<(?:[\w.-]{1,100}:)?([a-zA-Z][\w.-]{0,100})")
_BARE: Final = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)(?:#[0-9]{1,7};|#[xX][0-9a-fA-F]{1,6};)?|<(?![a-zA-Z_/!?])")


class Document:
    """A document on its way through the parser. ``root`` is the name of its first element, empty if it has none."""

    def __init__(self, text: str) -> None:
        self.root = root_of(text)
        self._text = text
        self._is_whole = False
        self._parser = etree.XMLPullParser(
            events=("start", "end"),
            encoding="utf-8",  # whatever it says of itself
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            remove_comments=True,
            remove_pis=True,
            huge_tree=False,
            recover=True,
        )

    def elements(self) -> Iterator[tuple[bool, Any]]:
        """Yield each element twice: when it begins (True), with its attributes, and when it ends, with what is in it.

        Of references only XML's own five and those by number are read; others are words here, as they stand.
        """
        escaped = _BARE.sub(_escaped, _begun(clean(self._text)))
        for place in range(0, len(escaped), _STEP):
            try:
                self._parser.feed(escaped[place : place + _STEP].encode())
            except etree.XMLSyntaxError:  # it gives up; the error is in its log
                return
            for event, element in self._parser.read_events():
                yield event == "start", element
                self._is_whole = self._is_whole or (event == "end" and element.getparent() is None)

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with what was read until now; a prefix that nobody declared is nothing."""
        errors = (error for error in self._parser.feed_error_log if error.domain_name != "NAMESPACE")
        damage = (f"damaged XML: {clean(error.message)}"[:200] for error in islice(errors, 1))
        return (*([] if self._is_whole else ["it is cut off"]), *damage)


def root_of(text: str) -> str:
    """Return the name of the first element in a text, in lower case and without its prefix; empty if there is none."""
    text = _begun(text[:_STEP])
    prologue = _PROLOGUE.match(text)
    rest = text[prologue.end() :] if prologue else text
    if rest[:14].lower() == "<!doctype html":
        return "html"
    found = _ROOT.search(rest)
    return found[1].lower() if found and rest.startswith("<") else ""


def name_of(element: Any) -> str:  # noqa: ANN401 - lxml has no types
    """Return an element's name without its namespace, which many get wrong, or its prefix; in lower case."""
    tag: str = element.tag
    return tag.rpartition("}")[2].rpartition(":")[2].lower()


def words_at(element: Any, *path: str) -> str:  # noqa: ANN401 - lxml has no types
    """Return the text of the first child so named, of its first child so named, and so on; empty if there is none."""
    for name in path:
        element = next((child for child in element if name_of(child) == name), None)
        if element is None:
            return ""
    return "".join(element.itertext()).strip()


def forget(element: Any) -> None:  # noqa: ANN401 - lxml has no types
    """Free an element that is read, and those of its kind right before it."""
    element.clear()
    while (before := element.getprevious()) is not None and before.tag == element.tag:
        element.getparent().remove(before)


def _escaped(bare: re.Match[str]) -> str:
    """Write as XML has it what was not written so: a bare & or <, the number of what is no character."""
    return html.escape(clean(html.unescape(bare[0])))


def _begun(text: str) -> str:
    """Leave out what a program printed by mistake before the document: empty lines, warnings."""
    return text[max(text.find("<?xml", 0, _BEGINS_WITHIN), 0) :].lstrip(_BLANK)
