"""Dates as feeds write them, into instants: RFC 822 and ISO 8601 with their usual mistakes, Arabic months and digits.

A date is evidence, and no date is better than a wrong one: what can be read in two ways is not read.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_DIGITS: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹،", "01234567890123456789 ")
_ENGLISH: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = {
    name: english
    for english, names in zip(
        _ENGLISH,
        (
            ("يناير", "كانون الثاني", "جانفي"),
            ("فبراير", "شباط", "فيفري"),
            ("مارس", "آذار", "اذار"),
            ("أبريل", "ابريل", "إبريل", "نيسان", "أفريل"),
            ("مايو", "أيار", "ايار", "ماي"),
            ("يونيو", "يونيه", "حزيران", "جوان"),
            ("يوليو", "يوليه", "تموز", "جويلية"),
            ("أغسطس", "اغسطس", "آب", "أوت"),
            ("سبتمبر", "أيلول", "ايلول"),
            ("أكتوبر", "اكتوبر", "تشرين الأول", "تشرين الاول"),
            ("نوفمبر", "تشرين الثاني"),
            ("ديسمبر", "كانون الأول", "كانون الاول"),
        ),
        strict=True,
    )
    for name in names
}
_MONTH: Final = re.compile("|".join(sorted(_MONTHS, key=len, reverse=True)))
_SECOND_NAME: Final = re.compile(r"(?<=[a-z])\s*/\s*[A-Z][a-z]{2}\b")
_ARABIC_WORD: Final = re.compile("[\u0620-\u06d3]{2,}")
_TIME: Final = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,]\d+)?)?"
_ZONE: Final = r"\s*(?:(?:GMT|UTC)?\s*(?P<sign>[+-])(?P<hours>\d{1,2}):?(?P<minutes>\d{2})?|(?P<name>[A-Za-z]{1,5}))?"
_FORMS: Final = tuple(
    re.compile(rf"{day}(?:(?:T|\s+){_TIME}{_ZONE})?", re.IGNORECASE)
    for day in (
        r"(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})",
        r"(?:[a-z]{2,9}\.?,?\s*)?(?P<day>\d{1,2})[\s-]+(?P<month>[a-z]{3})[a-z]*\.?,?[\s-]+(?P<year>\d{4}|\d\d)",
        r"(?:[a-z]{2,9}\.?,?\s+)?(?P<month>[a-z]{3})[a-z]*\.?\s+(?P<day>\d{1,2}),?\s+(?P<year>\d{4}|\d\d)",
    )
)
_HALVES_OF_THE_DAY: Final = frozenset({"A", "P", "AM", "PM"})
_ZONES: Final = {
    "EEST": 3,
    "MSK": 3,
    "EET": 2,
    "CEST": 2,
    "CET": 1,
    "BST": 1,
    "EDT": -4,
    "EST": -5,
    "CDT": -5,
    "CST": -6,
    "MDT": -6,
    "MST": -7,
    "PDT": -7,
    "PST": -8,
}
"""Hours east of Greenwich. AST and IST are missing: each is the name of several zones."""


def read_date(text: str) -> datetime | None:
    """Read a date or an instant, UTC where it names no zone that is known.

    1970 and before is what a program writes that has none.
    """
    line = " ".join(_in_english(text[:100]).split())
    found = next(filter(None, (form.fullmatch(line) for form in _FORMS)), None)
    try:
        instant = _instant(found.groupdict()) if found else None
    except (ValueError, OverflowError):
        return None
    return instant if instant and instant.year > 1970 else None  # noqa: PLR2004 - the year that the docstring names


def _in_english(text: str) -> str:
    months = _MONTH.sub(lambda found: _MONTHS[found[0]], text.translate(_DIGITS))
    return _ARABIC_WORD.sub(" ", _SECOND_NAME.sub("", months))


def _instant(parts: dict[str, str | None]) -> datetime | None:
    zone = _zone(parts)
    year, day, hour, minute, second = (int(parts[name] or 0) for name in ("year", "day", "hour", "minute", "second"))
    century = 2_000 if len(parts["year"] or "") == 2 else 0  # noqa: PLR2004 - a year of two digits
    month = _month(parts["month"] or "")
    return zone and datetime(century + year, month, day, hour, minute, min(second, 59), tzinfo=zone).astimezone(UTC)


def _month(written: str) -> int:
    return int(written) if written.isdigit() else _ENGLISH.index(written.title()) + 1


def _zone(parts: dict[str, str | None]) -> timezone | None:
    """Return none for half a day: whether 12 AM is midnight, nobody agrees."""
    name = (parts["name"] or "").upper()
    hours = int(parts["hours"] or 0) or _ZONES.get(name, 0)
    offset = timedelta(hours=hours, minutes=int(parts["minutes"] or 0))
    return None if name in _HALVES_OF_THE_DAY else timezone(-offset if parts["sign"] == "-" else offset)
