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
LEFT_TO_RIGHT_ISOLATE: Final = "\u2066"
POP_ISOLATE: Final = "\u2069"
RIGHT_TO_LEFT_MARK: Final = "\u200f"
_ISOLATES: Final[dict[Direction, str]] = {"ltr": LEFT_TO_RIGHT_ISOLATE, "rtl": "\u2067"}
_CUT: Final = "…"

_SPACE: Final = re.compile(r"[\t-\r\x1c-\x20\x85\u2028\u2029]+")
_ACTIVE: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f"  # C0 and C1: a terminal obeys them
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # reorder what stands around them
    "\xad\u180e\u200b\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb"  # unseen: they split words or hide others
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]+"
)
_NO_CHARACTER: Final = re.compile("[\ud800-\udfff\ufffe\uffff]")
_WAYS: Final[dict[str, Direction]] = {"L": "ltr", "R": "rtl", "AL": "rtl"}
_RIGHT_TO_LEFT_SHARE: Final = 0.4
_URL_SAFE: Final = "%/:?#[]@!$&'()*+,;=~"
_LINK_LENGTH: Final = 2_000  # Slack takes 3,000, old mail programs some 2,000


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
    """Tell which way a paragraph runs: right to left when more than two in five of its words do.

    Words, not the first letter as UAX #9 has it, because an Arabic headline may begin with "NATO" or "BBC:". A word
    runs as its first strong character; numbers, signs and web addresses run neither way. Source of the share: Closure
    Library, ``goog.i18n.bidi.estimateDirection``.
    """
    ways = [_first_strong(word) for word in text.split() if "://" not in word]
    strong = [way for way in ways if way]
    return "rtl" if strong.count("rtl") > len(strong) * _RIGHT_TO_LEFT_SHARE else "ltr"


def _first_strong(text: str) -> Direction | None:
    return next(filter(None, (_WAYS.get(unicodedata.bidirectional(character)) for character in text)), None)


def phrase(text: str) -> str:
    """Put words of ours that name something in right-to-left letters into an isolate that runs left to right."""
    return f"{LEFT_TO_RIGHT_ISOLATE}{text}{POP_ISOLATE}" if _has_right_to_left(text) else text


def enclose(text: str) -> str:
    """Put text into an isolate that runs its own way, so that it cannot reorder its neighbours nor they it.

    It says which way only where its first strong character would say otherwise.
    """
    way = direction(text)
    opening = _FIRST_STRONG_ISOLATE if way == (_first_strong(text) or "ltr") else _ISOLATES[way]
    return f"{opening}{text}{POP_ISOLATE}"


def isolate(text: str) -> str:
    """`enclose` text that holds right-to-left letters; all other text stays free of unseen characters."""
    return enclose(text) if _has_right_to_left(text) else text


def _has_right_to_left(text: str) -> bool:
    return any(_WAYS.get(unicodedata.bidirectional(letter)) == "rtl" for letter in text)


def paragraph(text: str) -> str:
    """`isolate` text that is a line by itself, and let it begin on its own side.

    What stands in an isolate does not count for the line around it (UAX #9, P2), so a mark before it tells programs
    that look; in those that do not, the isolate keeps the order right.
    """
    return f"{RIGHT_TO_LEFT_MARK}{enclose(text)}" if direction(text) == "rtl" else isolate(text)


def web_link(url: str | None) -> str | None:
    """Return an ASCII http(s) link to the same place, or None for anything else.

    User names go (they imitate hosts), hosts become IDNA, all else outside ASCII is percent-encoded. One that is
    longer than mail programs take is none.
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
    link = quote(place.geturl(), safe=_URL_SAFE, errors="replace")
    return link if len(link) <= _LINK_LENGTH else None
