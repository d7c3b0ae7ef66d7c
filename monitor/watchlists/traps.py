"""The mistakes that YAML makes easy, most of all with Arabic: found in the lines of a file, named, and mended.

Works on the text, before and beside any parser, so that each gets a name of its own instead of a parser's complaint,
and so that mending keeps every comment, blank line and quote that it does not touch. What a file means is not known
here, but which lines are prose (examples), where hardly anything is a mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNSEEN: Final = "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_MARGIN: Final = re.compile(rf"[ \t{_UNSEEN}{_SPACES}]*(?:-[ {_UNSEEN}{_SPACES}]+)*")
_INVISIBLE: Final = re.compile(f"[{_UNSEEN}{_SPACES}]")
_KEYS: Final = (
    "version|concepts|watchlists|id|name|severity|owner|labels|status|expires|only|match|terms|except|examples|alert|"
    "quiet|any|all|near|none|at_least|of|within|ordered|in|exact|source|lang|tier|desk"
)
_LISTS: Final = "terms|except|any|all|none|near|of|name|exact|alert|quiet"
_KEY: Final = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[^\s:#\"'\[{-][^:#]*):(?:\s|$)")
_BLOCK: Final = re.compile(r"(?::|-)\s+[|>][+-]?\d?\s*(#.*)?$")
_PROSE: Final = frozenset({"examples", "alert", "quiet"})
_RTL: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff"

_CONFLICT: Final = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_HASH: Final = re.compile(r"(?P<before> *- +(?:(?:name|exact): +)?)(?P<term>#[^\s#]+)\s*$")
_DASH: Final = re.compile(rf" *-(?=[\w$@#\"'«“{_RTL}])(?!\d|-)")
_RESERVED: Final = re.compile(r"(?P<before> *- +(?:(?:name|exact): +)?)(?P<term>[@`%][^\"]*?)(?P<comment>\s+#.*|\s*)$")
_GUILLEMETS: Final = re.compile(r"(?P<before> *- +(?:(?:name|exact): +)?)«(?P<term>[^«»:#]*)»(?P<comment>\s+#.*|\s*)$")
_CURLY: Final = re.compile(
    r"(?P<before> *- +(?:(?:name|exact): +)?)[“”„‟](?P<term>[^“”„‟\"]*)[“”„‟](?P<comment>\s+#.*|\s*)$"
)
_FLOW: Final = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?(?P<key>{_LISTS}): *\[(?P<items>[^\[\]{{}}\"'#]*)\]\s*(?P<comment>#.*)?$"
)
_COLON: Final = re.compile(rf" *(?:- +)*(?:{_KEYS})(?P<colon>：|﹕|∶|:(?=[^\s:/]))")
_ARABIC_DIGITS: Final = re.compile(r" *(?:- +)*(?:within|at_least|version|tier): *(?P<digits>[٠-٩۰-۹]+)\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class Trap:
    """A mistake: its place (from 1), what to do, and the line as it should be, where that is sure."""

    line: int
    column: int
    level: Literal["error", "warning"]
    message: str
    mended: str | None = None


def find_traps(text: str) -> list[Trap]:
    """Find the mistakes of a watchlist file, in order; of each line the first."""
    found = []
    for number, line, is_prose in _lines(text):
        trap = next((trap for find in _FINDERS for trap in find(number, line, is_prose)), None)
        if trap:
            found.append(trap)
    return found


def mend(text: str) -> tuple[str, list[Trap]]:
    """Mend what can be mended for sure; return the text and what was done. Mending twice is mending once."""
    done: list[Trap] = []
    for _ in range(text.count("\n") + 5):
        mendable = [trap for trap in find_traps(text) if trap.mended is not None]
        if not mendable:
            break
        lines = text.split("\n")
        for trap in mendable:
            ending = "\r" if lines[trap.line - 1].endswith("\r") else ""
            lines[trap.line - 1] = (trap.mended or "").replace("\n", f"{ending}\n") + ending
        # Places are told as they were before; a line made into several moves those behind it, so it is done last.
        done += mendable
        text = "\n".join(lines)
    return text, done


# --- Lines -----------------------------------------------------------------------------------------------------------


def _lines(text: str) -> Iterator[tuple[int, str, bool]]:
    """Give each line that is no comment and in no block of text, and whether it is prose: an example."""
    keys: list[tuple[int, str]] = []
    block: int | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip("\r")
        shown = _INVISIBLE.sub(" ", line)
        indent = len(shown) - len(shown.lstrip())
        if block is not None and (not shown.strip() or indent > block):
            continue
        block = None
        if not shown.strip() or shown.lstrip().startswith("#"):
            continue
        while keys and keys[-1][0] >= indent + (shown.lstrip().startswith("-")):
            keys.pop()
        yield number, line, any(key in _PROSE for _, key in keys)
        if found := _KEY.match(shown):
            keys.append((indent + len(found["dashes"]), found["key"].strip()))
        if _BLOCK.search(shown):
            block = indent


# --- Mistakes --------------------------------------------------------------------------------------------------------


def _conflict(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001 - a finder's form
    if _CONFLICT.match(line):
        yield Trap(number, 1, "error", "a conflict marker of git; resolve the conflict and remove it")


def _margin(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    margin = _MARGIN.match(line)
    before = margin[0] if margin else ""
    if "\t" in before:
        mended = before.replace("\t", "  ") + line[len(before) :]
        message = "a tab as indent, which YAML refuses; use spaces"
        yield Trap(number, before.index("\t") + 1, "error", message, mended)
    if unseen := _INVISIBLE.search(before):
        clean = re.sub(f"[{_SPACES}]", " ", re.sub(f"[{_UNSEEN}]", "", before))
        name = f"U+{ord(unseen[0]):04X}"
        message = f"an invisible character ({name}) in the indent, which YAML takes for text; use spaces"
        yield Trap(number, unseen.start() + 1, "error", message, clean + line[len(before) :])


def _dash(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _DASH.match(line):
        place = found.end()
        message = "a dash without its space, so this is text and no item; write '- ' before it"
        yield Trap(number, place, "error", message, f"{line[:place]} {line[place:]}")


def _hash(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if (found := _HASH.match(line)) and '"' not in found["term"]:
        message = "'#' begins a comment here, so the item is empty; write it in quotes"
        yield Trap(number, found.end("before") + 1, "error", message, f'{found["before"]}"{found["term"]}"')


def _reserved(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _RESERVED.match(line):
        message = f"'{found['term'][0]}' cannot begin a term in YAML; write it in quotes"
        mended = f'{found["before"]}"{found["term"]}"{found["comment"].rstrip()}'
        yield Trap(number, found.end("before") + 1, "error", message, mended)


def _guillemets(number: int, line: str, is_prose: bool) -> Iterator[Trap]:  # noqa: FBT001
    if not is_prose and (found := _GUILLEMETS.match(line)) and found["term"].strip():
        message = "«» are no quotes to YAML but part of the term; leave them out"
        mended = f"{found['before']}{found['term'].strip()}{found['comment'].rstrip()}"
        yield Trap(number, found.end("before") + 1, "warning", message, mended)


def _curly(number: int, line: str, is_prose: bool) -> Iterator[Trap]:  # noqa: FBT001
    if not is_prose and (found := _CURLY.match(line)) and found["term"].strip():
        message = "typographic quotes are no quotes to YAML but part of the term; write straight ones, or none"
        mended = f'{found["before"]}"{found["term"].strip()}"{found["comment"].rstrip()}'
        yield Trap(number, found.end("before") + 1, "warning", message, mended)


def _flow(number: int, line: str, is_prose: bool) -> Iterator[Trap]:  # noqa: FBT001
    found = _FLOW.match(line)
    if not found or not re.search(f"[{_RTL}]", found["items"]):
        return
    comma = None if is_prose else re.search("[،؛]", found["items"])
    items = [item.strip() for item in re.split("[,،؛]" if comma else ",", found["items"])]
    margin = " " * (len(found["indent"]) + len(found["dash"] or "") + 2)
    head = f"{found['indent']}{found['dash'] or ''}{found['key']}:" + (
        f"  {found['comment']}" if found["comment"] else ""
    )
    mended = "\n".join([head, *(f"{margin}- {item}" for item in items if item)])
    if comma:
        place = found.start("items") + comma.start() + 1
        message = f"«{comma[0]}» separates nothing in YAML, so these are one term; write each in a line of its own"
        yield Trap(number, place, "error", message, mended)
    elif not is_prose:
        message = "a list of right-to-left text in one line displays in reverse; write each in a line of its own"
        yield Trap(number, found.start("items"), "warning", message, mended)


def _colon(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _COLON.match(line):
        place = found.start("colon")
        message = "a key needs ':' and a space behind it"
        yield Trap(number, place + 1, "error", message, f"{line[:place]}: {line[place + 1 :].lstrip()}")


def _digits(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _ARABIC_DIGITS.match(line):
        start, end = found.span("digits")
        message = "YAML knows the digits 0 to 9 only"
        yield Trap(number, start + 1, "error", message, f"{line[:start]}{int(found['digits'])}{line[end:]}")


_FINDERS: Final[tuple[Callable[[int, str, bool], Iterator[Trap]], ...]] = (
    _conflict,
    _margin,
    _dash,
    _hash,
    _reserved,
    _guillemets,
    _curly,
    _flow,
    _colon,
    _digits,
)
