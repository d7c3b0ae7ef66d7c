"""What a source repeats on every item: the site's name after the headline, a footer after the text.

It is learnt from a listing in which nearly all items have it, kept from then on, and cut: navigation and names of sites
are not what analysts watch for, and a footer that changes would make every item a new version. Only ends are cut, so
that a dateline stays. Pure; what is cut is remembered by `polling`.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from monitor.ingest.identity import Item

LEAST: Final = 5
"""Items from which one can tell what is repeated."""
SHARE: Final = 0.8
_LONGEST: Final = 40
"""Words of a footer."""
_LONGEST_NAME: Final = 60
"""Characters of a site's name."""
_KEPT: Final = 8
_DIVIDER: Final = re.compile(r"\s+[-–—|·»:]+\s+")
_BREAK: Final = "\u2029"
_LINES: Final = re.compile(r"\s*\n\s*")
_STOPS: Final = (*".!?؟…:»”\"')]", _BREAK)
_TITLE: Final = "\ufffc"
"""Stands for the item's own headline: "The post … appeared first on …"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Boilerplate:
    """What ends every headline (with its divider) and every text (words, the headline as U+FFFC)."""

    names: tuple[str, ...] = ()
    footers: tuple[str, ...] = ()


def learn(items: Sequence[Item], known: Boilerplate) -> Boilerplate:
    """Add to what is known what nearly all of these items repeat."""
    names = _common((_name(item.title) for item in items if item.title), sum(bool(item.title) for item in items))
    texts = [_LINES.sub(f"{_BREAK} ", _masked(item)).split() for item in items if item.text]
    footer = _common_end(texts)
    return Boilerplate(names=_added(known.names, names), footers=_added(known.footers, footer))


def cut(item: Item, known: Boilerplate) -> Item:
    """Cut it from an item; never all of a title or of a text."""
    title, text = item.title, _masked(item)
    for name in known.names:
        if title.endswith(name) and len(title) > len(name):
            title = title.removesuffix(name).rstrip()
    for footer in known.footers:
        words = footer.split()
        pieces = text.rsplit(None, len(words))
        if len(pieces) > len(words) and pieces[1:] == words:
            text = pieces[0].rstrip()
    text = text.replace(_TITLE, item.title)
    return item if (title, text) == (item.title, item.text) else replace(item, title=title, text=text)


def _name(title: str) -> str | None:
    *_, last = [None, *_DIVIDER.finditer(title)]
    return title[last.start() :] if last and 0 < len(title) - last.end() <= _LONGEST_NAME else None


def _masked(item: Item) -> str:
    return item.text.replace(item.title, _TITLE) if item.title else item.text


def _common(found: Iterable[str | None], of: int) -> str | None:
    counts = Counter(one for one in found if one)
    best, times = counts.most_common(1)[0] if counts else ("", 0)
    return best if times >= max(LEAST, SHARE * of) else None


def _common_end(texts: Sequence[Sequence[str]]) -> str | None:
    """Find the longest end that nearly all texts share, of two words at least, before which each has something else.

    It begins where a sentence or a paragraph does: the words before it are the article's, however common.
    """
    longest = None
    for length in range(1, _LONGEST + 1):
        cut_off = [(words[-length - 1], " ".join(words[-length:])) for words in texts if len(words) > length]
        end = _common((end for _, end in cut_off), len(texts))
        if end is None or len({" ".join(words[:-length]) for words in texts}) < LEAST:
            break
        if length > 1 and _common((end for before, end in cut_off if before.endswith(_STOPS)), len(texts)):
            longest = end.replace(_BREAK, "")
    return longest


def _added(known: tuple[str, ...], new: str | None) -> tuple[str, ...]:
    return known if new is None or new in known else (*known, new)[-_KEPT:]
