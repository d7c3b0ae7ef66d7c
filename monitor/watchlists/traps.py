"""The mistakes that YAML makes easy, most of all with Arabic: found in the lines of a file, named, and mended.

Works on the text, before and beside any parser, so that each gets a name of its own instead of a parser's complaint,
and so that mending keeps every comment, blank line and quote that it does not touch. What a file means is not known
here, but which lines are prose (examples), where hardly anything is a mistake.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from monitor.documents import lines_within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_UNSEEN: Final = "\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff"
_SPACES: Final = "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_BLANK_SIGNS: Final = "".join(sign for sign in map(chr, range(0x80, 0xFFFF)) if re.match(f"[{_UNSEEN}{_SPACES}]", sign))
_MARGIN: Final = re.compile(rf"[ \t{_UNSEEN}{_SPACES}]*(?:-[ \t{_UNSEEN}{_SPACES}]+)*")
_INVISIBLE: Final = re.compile(f"[{_UNSEEN}{_SPACES}]")
_KEYS: Final = (
    "version|aliases|concepts|watchlists|id|name|severity|owner|labels|status|expires|only|match|terms|except|examples|alert|"
    "quiet|any|all|near|none|at_least|of|within|ordered|in|exact|source|lang|tier|desk"
)
_LISTS: Final = "terms|except|any|all|none|near|of|name|exact|alert|quiet"
_KEY: Final = re.compile(r"(?P<indent> *)(?P<dashes>(?:- +)*)(?P<key>[^\s:#\"'\[{-][^:#]*):(?:\s|$)")
_BLOCK: Final = re.compile(r"(?::|-)\s+[|>][+-]?\d?\s*(#.*)?$")
_PROSE: Final = frozenset({"examples", "alert", "quiet"})
_RTL: Final = "\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff"

_CONFLICT: Final = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_HASH: Final = re.compile(
    r"(?P<before> *(?:- +)+(?:(?:name|exact): +)?)(?P<term>#[^\s#][^#\"]*?)(?P<comment>\s+#.*|\s*)$"
)
_DASH: Final = re.compile(rf" *-(?=[\w$@#\"'«“{_RTL}])(?!\d|-)")
_BEFORE: Final = r"(?P<before> *(?:- +)+(?:(?:name|exact): +)?)"
_COMMENT: Final = r"(?P<comment>\s+#.*|\s*)$"
_RESERVED: Final = re.compile(
    rf"{_BEFORE}(?P<term>(?:[@`%]|[!&*](?=[{_RTL}])|[|>](?= *[^\s|>+\-#\d]))[^\"]*?){_COMMENT}"
)
_BULLET: Final = re.compile(r" *(?P<sign>[\u2010-\u2015\u2022\u2023\u2043\u2212\u25aa\u25cf\u00b7]|\*(?= )) *(?=\S)")
_GUILLEMETS: Final = re.compile(rf"{_BEFORE}«(?P<term>[^«»:#]*)»{_COMMENT}")
_CURLY: Final = re.compile(
    rf"{_BEFORE}(?:[“”„‟](?P<term>[^“”„‟\"]*)[“”„‟]|[‘’‚‛](?P<single>[^‘’‚‛\"]*)[‘’‚‛]){_COMMENT}"
)
_FLOW: Final = re.compile(
    rf"(?P<indent> *)(?P<dash>- +)?(?P<key>{_LISTS}): *\[(?P<items>[^\[\]{{}}\"'#]*)\]\s*(?P<comment>#.*)?$"
)
_COLON: Final = re.compile(rf" *(?:- +)*(?:{_KEYS})(?P<colon>：|﹕|∶|׃|:(?=[^\s:/]|[{_UNSEEN}{_SPACES}]))")
_AFTER_KEY: Final = re.compile(rf" *(?:- +)*[\w$-]+(?P<unseen>[{_UNSEEN}{_SPACES}]+) *:(?:\s|$)")
_COMMA: Final = re.compile(rf"{_BEFORE}(?P<term>[^\s\"'\[{{#«][^#]*)$")
_COMMA_IN_LINE: Final = re.compile(r" *(?:- +)*[\w-]+: *[\[{][^\"'#]*[\[,][^\"'#\]]*(?P<comma>[،؛])[^\"'#]*\]")
_ARABIC_DIGITS: Final = re.compile(r" *(?:- +)*(?:within|at_least|version|tier): *(?P<digits>[٠-٩۰-۹]+)\s*(#.*)?$")


_SWALLOWED: Final = "'#' begins a comment here, so the item is empty; write it in quotes"


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
            found.append((trap, is_prose))
    if not found:
        return []
    quoted, plain = lines_within(text)
    bare = _bare_items(text) if any(trap.message is _SWALLOWED for trap, _ in found) else ()
    return [
        trap
        for trap, is_prose in found
        if trap.line not in quoted
        and not (is_prose and trap.line in plain)
        and (trap.message is not _SWALLOWED or trap.line in bare)
    ]


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


def _bare_items(text: str) -> set[int]:
    """Find the lines whose item or value stands in no line below: nothing there is deeper."""
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip(" \r")]
    lines = [(number, line) for number, line in lines if not line.lstrip().startswith("#")]
    return {
        number
        for (number, line), (_, below) in zip(lines, [*lines[1:], (0, "")], strict=True)
        if not _is_below(line, below)
    }


def _is_below(line: str, below: str) -> bool:
    """Tell whether the next line is what a line's last dash or key holds; a list may begin in its key's column."""
    head = _KEY.match(line)
    column = head.start("key") if head else line.split("#", 1)[0].rfind("-")
    depth = len(below) - len(below.lstrip())
    return depth > column or (head is not None and depth == column and below.lstrip().startswith("- "))


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
    if found := _HASH.match(line):
        mended = f'{found["before"]}"{found["term"]}"{found["comment"].rstrip()}'
        yield Trap(number, found.end("before") + 1, "error", _SWALLOWED, mended)


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
    if not is_prose and (found := _CURLY.match(line)) and (term := (found["term"] or found["single"] or "").strip()):
        message = "typographic quotes are no quotes to YAML but part of the term; write straight ones, or none"
        mended = f'{found["before"]}"{term}"{found["comment"].rstrip()}'
        yield Trap(number, found.end("before") + 1, "warning", message, mended)


def _bullet(number: int, line: str, is_prose: bool) -> Iterator[Trap]:  # noqa: FBT001
    if not is_prose and (found := _BULLET.match(line)):
        message = f"'{found['sign']}' begins no item; write '- '"
        yield Trap(
            number, found.start("sign") + 1, "error", message, f"{line[: found.start('sign')]}- {line[found.end() :]}"
        )


def _comma(number: int, line: str, is_prose: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _COMMA_IN_LINE.match(line):
        comma = found["comma"]
        message = f"«{comma}» separates nothing in YAML; write ',' or each in a line of its own"
        yield Trap(number, found.start("comma") + 1, "error", message)
    elif not is_prose and (found := _COMMA.match(line)) and (comma := re.search("[،؛]", found["term"])):
        place = found.start("term") + comma.start() + 1
        message = (
            f"«{comma[0]}» separates nothing, so this is one term; write each in a line of its own, or leave it out"
        )
        yield Trap(number, place, "warning", message)


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
        rest = line[place + 1 :].lstrip(f" {_BLANK_SIGNS}")
        yield Trap(number, place + 1, "error", message, f"{line[:place]}: {rest}")


def _behind_key(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _AFTER_KEY.match(line):
        start, end = found.span("unseen")
        message = f"an invisible character (U+{ord(found['unseen'][0]):04X}) behind a key; delete it"
        yield Trap(number, start + 1, "error", message, f"{line[:start]}{line[end:]}")


def _digits(number: int, line: str, _: bool) -> Iterator[Trap]:  # noqa: FBT001
    if found := _ARABIC_DIGITS.match(line):
        start, end = found.span("digits")
        message = "YAML knows the digits 0 to 9 only"
        yield Trap(number, start + 1, "error", message, f"{line[:start]}{int(found['digits'])}{line[end:]}")


_FINDERS: Final[tuple[Callable[[int, str, bool], Iterator[Trap]], ...]] = (
    _conflict,
    _margin,
    _bullet,
    _dash,
    _hash,
    _reserved,
    _guillemets,
    _curly,
    _flow,
    _comma,
    _behind_key,
    _colon,
    _digits,
)
