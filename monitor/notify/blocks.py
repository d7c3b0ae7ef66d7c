"""A notification as Slack's Block Kit, within its limits.

Articles stand in rich text and plain text only, whose elements are never parsed: no mention, link or mark-up can come
from what a publisher wrote. Pure; sending is `slack`'s affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.notify.display import LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE, RIGHT_TO_LEFT_MARK, cut, enclose, isolate, phrase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.notify.digesting import Digest, Entry, Listing, Report
    from monitor.notify.marking import Line, Part

MOST_BLOCKS: Final = 50
MOST_CHARACTERS: Final = 9_000
"""Of all blocks together. Slack refuses a message somewhere above 13,000 (undocumented), so there is room."""

_LINE_LENGTH: Final = 2_000  # a text of any block has at most 3,000
_LINK_LENGTH: Final = 3_000  # what Slack takes where it says how much
_SHORTEST_LINE: Final = 40
_PASSAGES_ROOM: Final = MOST_CHARACTERS // 2
_LIST_ROOM: Final = MOST_CHARACTERS // 6

Block = dict[str, Any]
Element = dict[str, Any]


def blocks_of(digest: Digest) -> tuple[Block, ...]:
    """Lay a notification out: a block for each alert and one for its details, as many as fit, and how many do not."""
    why = " · ".join(map(phrase, digest.reasons))
    if not digest.reports:
        said = _text(digest.title.capitalize(), bold=True)
        return (_rich([_section([said])]), *([_context(why)] if why else []))
    single = len(digest.reports) == 1 and not digest.unshown
    blocks = [] if single else [_rich([_section([_text(why, bold=True)])])]
    room = MOST_CHARACTERS
    for number, report in enumerate(digest.reports):
        made = list(_report(report, why if single else ""))
        room -= _size(made)
        if number and (room < 0 or len(blocks) + len(made) > MOST_BLOCKS - 1):
            return (*blocks, _more(len(digest.reports) - number + digest.unshown))
        blocks += made
    return (*blocks, _more(digest.unshown)) if digest.unshown else tuple(blocks)


def _more(alerts: int) -> Block:
    return _rich([_section([_text(f"… and {alerts} more alerts: monitor alerts")])])


def _report(report: Report, why: str) -> Iterator[Block]:
    """Lay an alert out; alone it always fits: of its passages and lists there stands as much as there is room for."""
    gone = [_quote([*_line(line.parts, strike=True)]) for line in report.gone]
    passages = [*gone, *(_quote([*_line(quote.parts)]) for quote in report.quotes)]
    shown = _fitting(passages, _PASSAGES_ROOM)
    unquoted = report.unquoted + len(passages) - len(shown)
    more = [_section([_text(f"… and {unquoted} more")])] if unquoted else []
    headline = [*_word(report), *_headline(report.headline, report.link)]
    news = _section([*headline, _text("\n"), *_facts(report, why)])
    yield _rich([news, *shown, *more])
    if report.details:
        yield _context(" · ".join(isolate(detail) for detail in report.details))
    for listing in report.listings:
        yield _list(listing)


def _word(report: Report) -> Iterator[Element]:
    """Write what became of a report before its headline, without turning the headline's side."""
    if report.word:
        side = RIGHT_TO_LEFT_MARK if report.headline.direction == "rtl" else ""
        yield _text(f"{side}{report.word}: ", bold=True)


def _facts(report: Report, why: str) -> Iterator[Element]:
    """Write the line below a headline, left to right also where the headline runs the other way."""
    opening, closing = (LEFT_TO_RIGHT_ISOLATE, POP_ISOLATE) if report.headline.direction == "rtl" else ("", "")
    reason = f" · {why}" if why else ""
    yield _text(f"{opening}{isolate(report.label)}", bold=True)
    yield _text(f" · {report.severity}{reason}{closing}")


def _list(listing: Listing) -> Block:
    """List other articles, as many as there is room for."""
    shown = _fitting((_section([*_entry(entry)]) for entry in listing.entries), _LIST_ROOM)
    unlisted = listing.unlisted + len(listing.entries) - len(shown)
    more = [_section([_text(f"… and {unlisted} more")])] if unlisted else []
    entries = {"type": "rich_text_list", "style": "bullet", "elements": [*shown, *more]}
    return _rich([_section([_text(listing.title, bold=True)]), entries])


def _entry(entry: Entry) -> Iterator[Element]:
    word = f"{entry.word}: " if entry.word else ""
    yield _text(f"{isolate(entry.source)} · {entry.at} · {word}")
    for element in _line(entry.headline.parts):
        yield {**element, "type": "link", "url": entry.link} if entry.link else element


def _headline(line: Line, link: str | None) -> Iterator[Element]:
    """Write a headline, linked; bold as a whole where no word of it is what was looked for."""
    whole = not any(part.marked for part in line.parts)
    for element in _line(line.parts):
        shown = _text(element["text"], bold=whole or "style" in element)
        yield {**shown, "type": "link", "url": link} if link and len(link) <= _LINK_LENGTH else shown


def _line(parts: Iterable[Part], *, strike: bool = False) -> Iterator[Element]:
    """Write a line in its own direction, its marks bold, or all of it struck through, cut where it gets too long."""
    shown: list[tuple[str, bool]] = []
    room = _LINE_LENGTH
    for part in parts:
        if room < _SHORTEST_LINE:
            shown.append(("…", False))
            break
        shown.append((cut(part.text, room), part.marked))
        room -= len(part.text)
    isolated = enclose("".join(text for text, _ in shown))
    opening, closing = isolated[0], isolated[-1]
    last = len(shown) - 1
    for number, (text, marked) in enumerate(shown):
        whole = f"{opening if not number else ''}{text}{closing if number == last else ''}"
        yield _text(whole, bold=marked and not strike, strike=strike)


def _rich(elements: list[Element]) -> Block:
    return {"type": "rich_text", "elements": elements}


def _section(elements: list[Element]) -> Element:
    return {"type": "rich_text_section", "elements": elements}


def _quote(elements: list[Element]) -> Element:
    return {"type": "rich_text_quote", "elements": elements}


def _context(text: str) -> Block:
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def _text(text: str, *, bold: bool = False, strike: bool = False) -> Element:
    style = {name: True for name, asked in (("bold", bold), ("strike", strike)) if asked}
    return {"type": "text", "text": text, "style": style} if style else {"type": "text", "text": text}


def _fitting(elements: Iterable[Element], room: int) -> list[Element]:
    """Return the first elements, as many as have room."""
    fitting = []
    for element in elements:
        room -= _size(element)
        if room < 0:
            break
        fitting.append(element)
    return fitting


def _size(value: Any) -> int:  # noqa: ANN401 - any piece of a block
    """Count the characters of all text and addresses."""
    if isinstance(value, dict):
        own = sum(len(value[key]) for key in ("text", "url") if isinstance(value.get(key), str))
        return own + _size(value.get("elements", []))
    return sum(map(_size, value))
