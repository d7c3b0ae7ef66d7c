"""A notification as Slack's Block Kit, within its limits.

Everything is rich text, whose elements are never parsed: no mention, link or mark-up can stand in what a publisher
wrote. Pure; sending is `slack`'s affair.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from monitor.notify.display import enclose, isolate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from monitor.notify.rendering import Digest, Line, Report

MOST_BLOCKS: Final = 50
MOST_CHARACTERS: Final = 9_000
"""Of all blocks together. Slack refuses a message somewhere above 13,000 (undocumented), so there is room."""

Block = dict[str, Any]
Element = dict[str, Any]


def blocks_of(digest: Digest) -> tuple[Block, ...]:
    """Lay a notification out: a block for each alert, as many as fit, and how many do not."""
    blocks: list[Block] = []
    room = MOST_CHARACTERS
    for number, report in enumerate(digest.reports):
        block = {"type": "rich_text", "elements": list(_report(report, digest.why))}
        room -= _size(block)
        if room < 0 or len(blocks) == MOST_BLOCKS - 1:
            blocks.append(_more(len(digest.reports) - number + digest.unshown))
            return tuple(blocks)
        blocks.append(block)
    return (*blocks, _more(digest.unshown)) if digest.unshown else tuple(blocks)


def _more(alerts: int) -> Block:
    return {"type": "rich_text", "elements": [_section([_text(f"… and {alerts} more: monitor alerts")])]}


def _report(report: Report, why: str) -> Iterator[Element]:
    yield _section([*_line(report.headline, link=report.link), _text("\n"), *_facts(report, why)])
    for quote in report.quotes:
        yield {"type": "rich_text_quote", "elements": list(_line(quote))}
    unquoted = [f"… and {report.unquoted} more", "\n"] if report.unquoted else []
    details = " · ".join(isolate(detail) for detail in report.details)
    if details or unquoted:
        yield _section([_text("".join([*unquoted, details]))])


def _facts(report: Report, why: str) -> list[Element]:
    return [_text(isolate(report.label), bold=True), _text(f" · {report.severity} · {isolate(why)}")]


def _line(line: Line, link: str | None = None) -> Iterator[Element]:
    """Write a line in its own direction, its marks bold; a headline is a link as a whole."""
    if link:
        yield {"type": "link", "url": link, "text": enclose(str(line)), "style": {"bold": True}}
        return
    first, last = 0, len(line.parts) - 1
    for number, part in enumerate(line.parts):
        opened = "\u2068" if number == first else ""
        closed = "\u2069" if number == last else ""
        yield _text(f"{opened}{part.text}{closed}", bold=part.marked)


def _section(elements: list[Element]) -> Element:
    return {"type": "rich_text_section", "elements": elements}


def _text(text: str, *, bold: bool = False) -> Element:
    return {"type": "text", "text": text, "style": {"bold": True}} if bold else {"type": "text", "text": text}


def _size(value: Any) -> int:  # noqa: ANN401 - any piece of a block
    """Count the characters that Slack may count: all text and addresses."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return sum(map(_size, value.values()))
    return sum(map(_size, value)) if isinstance(value, list) else 0
