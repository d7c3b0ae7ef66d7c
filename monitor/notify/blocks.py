"""A notification as Slack's Block Kit, within its limits.

Articles stand in rich text and plain text only, whose elements are never parsed: no mention, link or mark-up can come
from what a publisher wrote. Pure; sending is `slack`'s affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.notify.display import cut, enclose, isolate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.notify.rendering import Digest, Line, Part, Report

MOST_BLOCKS: Final = 50
MOST_CHARACTERS: Final = 9_000
"""Of all blocks together. Slack refuses a message somewhere above 13,000 (undocumented), so there is room."""

_LINE_LENGTH: Final = 2_000  # a text of any block has at most 3,000
_LINK_LENGTH: Final = 3_000  # what Slack takes where it says how much
_SHORTEST_LINE: Final = 40

Block = dict[str, Any]
Element = dict[str, Any]


def blocks_of(digest: Digest) -> tuple[Block, ...]:
    """Lay a notification out: a block for each alert and one for its details, as many as fit, and how many do not."""
    single = len(digest.reports) == 1 and not digest.unshown
    blocks = [] if single else [_rich([_section([_text(isolate(digest.why), bold=True)])])]
    room = MOST_CHARACTERS
    for number, report in enumerate(digest.reports):
        made = list(_report(report, digest.why if single else ""))
        room -= _size(made)
        if number and (room < 0 or len(blocks) + len(made) > MOST_BLOCKS - 1):
            return (*blocks, _more(len(digest.reports) - number + digest.unshown))
        blocks += made
    return (*blocks, _more(digest.unshown)) if digest.unshown else tuple(blocks)


def _more(alerts: int) -> Block:
    return _rich([_section([_text(f"… and {alerts} more alerts: monitor alerts")])])


def _report(report: Report, why: str) -> Iterator[Block]:
    """Lay an alert out; alone it always fits: of its passages stand there as many as there is room for."""
    quotes, room = [], MOST_CHARACTERS // 2
    for quote in report.quotes:
        made = {"type": "rich_text_quote", "elements": list(_line(quote.parts))}
        room -= _size(made)
        if room < 0:
            break
        quotes.append(made)
    unquoted = report.unquoted + len(report.quotes) - len(quotes)
    more = [_section([_text(f"… and {unquoted} more")])] if unquoted else []
    facts = [_text("\n"), _text(isolate(report.label), bold=True), _text(f" · {report.severity}")]
    reason = [_text(f" · {isolate(why)}")] if why else []
    yield _rich([_section([*_headline(report.headline, report.link), *facts, *reason]), *quotes, *more])
    if report.details:
        details = " · ".join(isolate(detail) for detail in report.details)
        yield {"type": "context", "elements": [{"type": "plain_text", "text": details, "emoji": False}]}


def _headline(line: Line, link: str | None) -> Iterator[Element]:
    """Write a headline, linked; bold as a whole where no word of it is what was looked for."""
    whole = not any(part.marked for part in line.parts)
    for element in _line(line.parts):
        shown = _text(element["text"], bold=whole or "style" in element)
        yield {**shown, "type": "link", "url": link} if link and len(link) <= _LINK_LENGTH else shown


def _line(parts: Iterable[Part]) -> Iterator[Element]:
    """Write a line in its own direction, its marks bold, cut where it gets too long."""
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
        yield _text(f"{opening if not number else ''}{text}{closing if number == last else ''}", bold=marked)


def _rich(elements: list[Element]) -> Block:
    return {"type": "rich_text", "elements": elements}


def _section(elements: list[Element]) -> Element:
    return {"type": "rich_text_section", "elements": elements}


def _text(text: str, *, bold: bool = False) -> Element:
    return {"type": "text", "text": text, "style": {"bold": True}} if bold else {"type": "text", "text": text}


def _size(value: Any) -> int:  # noqa: ANN401 - any piece of a block
    """Count the characters of all text and addresses."""
    if isinstance(value, dict):
        own = sum(len(value[key]) for key in ("text", "url") if isinstance(value.get(key), str))
        return own + _size(value.get("elements", []))
    return sum(map(_size, value))
