"""Text from outside, made safe and right to look at: nothing in it can act as a control, mark-up, order or link.

Hides which code points can hurt, where a long text may be cut, and which way a paragraph runs. Does not escape for
HTML (the templates' autoescape does) and never serves matching: what is cleaned here is only shown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final, Literal
from urllib.parse import quote, urlsplit

Direction = Literal["ltr", "rtl"]

_FIRST_STRONG_ISOLATE: Final = "\u2068"
_POP_ISOLATE: Final = "\u2069"
_CUT: Final = "…"

_SPACE: Final = re.compile(r"[\t-\r\x1c-\x20\x85\u2028\u2029]+")
_ACTIVE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # C0 and C1: a terminal obeys them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reorder what stands around them
    "\xad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # unseen: they split words or hide others
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]+"
)
_NO_CHARACTER: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")
_RIGHT_TO_LEFT: Final = frozenset({"R", "AL"})
_URL_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"


def clean(text: str) -> str:
    """Make text from outside one line of visible characters.

    Line breaks of every kind become a space; controls, bidi marks, embeddings, overrides and isolates, and unseen
    format characters go; a lone surrogate or non-character shows as U+FFFD. Joiners (U+200C, U+200D) stay: Persian
    and emoji are written with them. Source: UAX #9 §2 and UTR #36 §2.5; Python's mail policy refuses VT, NEL, U+2028.
    """
    return _NO_CHARACTER.sub("\ufffd", _SPACE.sub(" ", _ACTIVE.sub("", text)))


def cut(text: str, limit: int) -> str:
    """Shorten to at most ``limit`` characters, at a word where one ends in the last third, with … as the sign."""
    if len(text) <= limit:
        return text
    head = text[: limit - 1]
    space = head.rfind(" ")
    return (head[:space] if space > limit * 2 // 3 else head).rstrip() + _CUT


def cut_front(text: str, limit: int) -> str:
    """Shorten like `cut`, but keep the end."""
    if len(text) <= limit:
        return text
    tail = text[1 - limit :]
    space = tail.find(" ")
    return _CUT + (tail[space + 1 :] if 0 <= space < limit // 3 else tail).lstrip()


def direction(text: str) -> Direction:
    """Tell which way a paragraph runs: as its first strong character does (UAX #9, P2 and P3), else left to right."""
    for character in text:
        kind = unicodedata.bidirectional(character)
        if kind == "L":
            return "ltr"
        if kind in _RIGHT_TO_LEFT:
            return "rtl"
    return "ltr"


def enclose(text: str) -> str:
    """Put text into an isolate of its own, so that it cannot reorder its neighbours nor they it."""
    return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_ISOLATE}"


def isolate(text: str) -> str:
    """`enclose` text that holds right-to-left letters; all other text stays free of unseen characters."""
    return enclose(text) if any(unicodedata.bidirectional(character) in _RIGHT_TO_LEFT for character in text) else text


def web_link(url: str | None) -> str | None:
    """Return an ASCII http(s) link to the same place, or None for anything else.

    User names go (they imitate hosts), hosts become IDNA, all else outside ASCII is percent-encoded.
    """
    try:
        parts = urlsplit((url or "").strip())
        host = (parts.hostname or "").encode("idna").decode("ascii")
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    if parts.scheme not in {"http", "https"} or not re.fullmatch(r"[a-z0-9._-]+|[0-9a-f:.]+", host):
        return None
    place = parts._replace(netloc=(f"[{host}]" if ":" in host else host) + port)
    return quote(place.geturl(), safe=_URL_SAFE, errors="replace")
