"""Bytes into text, whatever a header or the document says of the character set.

Servers write one header for all they have, programs a declaration that was never true; so the bytes are asked first.
What was served and cannot be decoded comes out as U+FFFD: a feed with one bad byte is still news. A file is refused
then: its owner can mend it.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from monitor.errors import ParseError

ILLEGAL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufeff\ufffe\uffff]")
"""What XML or a database does not take, and byte order marks in the middle."""

_CONTROLS: Final = re.compile("[\x00-\x08\x0b\x0e-\x1f]")
_BINARY: Final = re.compile("[\x00-\x08\x0e-\x1a]")
_BEGINNING: Final = 80
_DECLARED: Final = re.compile(
    rb"""<(?:meta\b[^>]{0,200}charset|\?xml\b[^>]{0,100}encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE
)
_BOMS: Final = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_ZEROS: Final = (
    ("utf-32-be", 4, (0, 1, 2)),
    ("utf-32-le", 4, (1, 2, 3)),
    ("utf-16-be", 2, (0,)),
    ("utf-16-le", 2, (1,)),
)
"""Which bytes of Latin letters are zero: of so many, these."""
_HEADER: Final = re.compile(r"""\bcharset\s*=\s*["']?\s*([\w.:-]{1,40})""", re.IGNORECASE)
_MEANINGLESS: Final = frozenset(
    {"ascii", "iso8859-1", "cp1252", "idna", "punycode", "raw_unicode_escape", "unicode_escape"}
)
"""Written by programs that nobody asked, or no character sets. UTF has shown itself before, and UTF-7 is a trap."""
_WIDER: Final = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
"""What is meant by these names: the set with the additions of those who made the software."""
_ARABIC_SETS: Final = ("cp1256", "iso8859-6")
_ARABIC: Final = re.compile("[\u0620-\u063a\u0641-\u064a\u0671-\u06d3]")
_ARABIC_RUN: Final = re.compile("[\u0620-\u06d3]{2,}")
_FEW: Final = 4
_OTHER: Final = re.compile("[\xc0-\u05ff]")


def decode_served(body: bytes, content_type: str) -> str:
    """Decode by byte order mark, as UTF-8 where it is that, as declared where that means something, or by its letters.

    The declaration of the document counts before the ``content_type``, whose author has not seen the document.
    """
    wide = _wide(body)
    if wide:
        return body.decode(wide, "replace").lstrip("\ufeff")
    body = body.removeprefix(codecs.BOM_UTF8)
    return body.decode(_narrow(body, content_type), "replace")


def decode_page(body: bytes, content_type: str) -> str:
    """Decode a page likewise.

    Raises:
        ParseError: it is an image, or whatever else is no text.
    """
    text = decode_served(body, content_type)
    if _BINARY.search(text[:_BEGINNING]):
        raise ParseError("it is no text", retryable=False)
    return text


def _wide(body: bytes) -> str | None:
    marked = next((encoding for mark, encoding in _MARKS if body.startswith(mark)), None)
    head = body[:40]
    is_long = len(head) >= 4  # noqa: PLR2004 - one letter in UTF-32
    zeros = (name for name, size, places in _ZEROS if not any(any(head[place::size]) for place in places))
    return marked or (next(zeros, None) if is_long else None)


def _narrow(body: bytes, content_type: str) -> str:
    named = _named(body, content_type)
    if body.isascii():
        return next((name for name in named if name.startswith(("iso2022", "hz"))), "ascii")
    if _decodes(body, "utf-8") or _is_damaged_utf8(body):
        return "utf-8"
    believed = next((name for name in named if _decodes(body, name)), None)
    if believed and believed not in _ARABIC_SETS:
        return believed
    return _arabic(body) or believed or next(iter(named), "cp1252")


def _named(body: bytes, content_type: str) -> list[str]:
    """Return the names that declaration and header give, as far as they mean something."""
    header = _HEADER.search(content_type)
    known = [declared_encoding(body), _known(header[1]) if header else None]
    return [_WIDER.get(name, name) for name in known if name and name not in _MEANINGLESS and name[:3] != "utf"]


def _arabic(body: bytes) -> str | None:
    """Return the Arabic set in which most letters come out Arabic, in words.

    The two differ from ف on: each turns half of the other's letters into vowel marks and into Latin ones.
    """
    readings = {name: body.decode(name) for name in _ARABIC_SETS if _decodes(body, name)}
    best = max(readings, key=lambda name: len(_ARABIC.findall(readings[name])))
    letters = len(_ARABIC.findall(readings[best]))
    in_words = sum(map(len, _ARABIC_RUN.findall(readings[best])))
    is_arabic = letters >= _FEW and letters > 3 * len(_OTHER.findall(readings[best])) and in_words * 2 > letters
    return best if is_arabic else None


# --- Files -----------------------------------------------------------------------------------------------------------


def decode(data: bytes, declared: str | None = None) -> str:
    """Decode as `encoding_of` finds.

    Raises:
        ParseError: it is in no character set that we know.
    """
    return data.decode(encoding_of(data, declared))


def encoding_of(data: bytes, declared: str | None = None) -> str:
    """Find the character set: by byte order mark, as ``declared``, UTF-8, or windows-1256 where that gives Arabic.

    Every byte is a character of windows-1256, so that it is taken only when the bytes cannot be meant as UTF-8 and most
    of the letters come out Arabic.

    Raises:
        ParseError: it is none of these.
    """
    marked = [encoding for mark, encoding in _BOMS if data.startswith(mark)]
    for candidate in marked or filter(None, [declared, "utf-8"]):
        if _decodes(data, candidate):
            return candidate
    if not marked and _is_windows_1256(data):
        return "windows-1256"
    raise ParseError("its bytes are neither UTF-8 nor windows-1256 text", retryable=False)


def _is_windows_1256(data: bytes) -> bool:
    text = data.decode("windows-1256")
    return _is_arabic(text) and not _CONTROLS.search(text) and not _is_damaged_utf8(data)


def _is_arabic(text: str) -> bool:
    foreign = [char for char in text if char > "\x7f"]
    return sum("\u0600" <= char <= "\u06ff" for char in foreign) * 2 > len(foreign)


# --- What both ask ---------------------------------------------------------------------------------------------------


def declared_encoding(data: bytes) -> str | None:
    """Return the character set that HTML or XML names in its first 2,000 bytes, if Python knows it."""
    found = _DECLARED.search(data[:2_000])
    return _known(found[1].decode("ascii", "replace")) if found else None


def _known(name: str) -> str | None:
    """Return Python's name of a character set, or none where ``name`` is none."""
    try:
        codecs.lookup(name).decode(b"a")  # refuses codecs that are no character sets, such as hex
    except (LookupError, ValueError):
        return None
    return codecs.lookup(name).name


def _decodes(data: bytes, encoding: str) -> bool:
    """Tell whether every byte is part of a letter in ``encoding``."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_damaged_utf8(data: bytes) -> bool:
    """Tell UTF-8 with some bad bytes, of which most still decode, from text in another character set."""
    high = len(data) - len(data.decode("ascii", "ignore"))
    return data.decode("utf-8", "replace").count("\ufffd") * 4 < high
