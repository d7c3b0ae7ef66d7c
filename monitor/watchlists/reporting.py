"""What `monitor test` says of the examples that were tried: for people, for programs, for CI."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from monitor.watchlists.examples import Tried
    from monitor.watchlists.loading import Loaded

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 §2.2 has no way to write."""


def verdicts(loaded: Loaded, tried: Iterable[Tried]) -> Iterator[str]:
    """Give a line for each watchlist, below it a line for each example that is not as its owner says."""
    of = _by_watchlist(tried)
    for name in loaded.places:
        examples = of.get(name, [])
        failed = [one for one in examples if one.fault]
        alerts = sum(one.example.alerts for one in examples)
        state = "FAILED" if failed else "passed" if examples else "no examples"
        counts = f"{alerts} alert, {len(examples) - alerts} quiet" if examples else "write some: they hold it for ever"
        yield f"{state:11}  {name}  ({counts})"
        yield from (f"  {_place(one)}: {one.fault}" for one in failed)
    every = [one for examples in of.values() for one in examples]
    failing = sum(bool(one.fault) for one in every)
    yield f"{len(every)} examples, {failing} failed"


def tried_line(one: Tried) -> dict[str, object]:
    """Describe one example for programs."""
    place = one.example.place.problem("")
    return {
        "watchlist": one.example.watchlist,
        "file": str(place.file),
        "line": place.line,
        "column": place.column,
        "expected": "alert" if one.example.alerts else "quiet",
        "passed": not one.fault,
        "fault": one.fault or None,
        "text": one.example.text,
    }


def junit_report(tried: Iterable[Tried]) -> bytes:
    """Write a JUnit report: a suite for each watchlist, a case for each example."""
    of = _by_watchlist(tried)
    root = ET.Element("testsuites", name="monitor test")
    for name, examples in of.items():
        failures = sum(bool(one.fault) for one in examples)
        suite = ET.SubElement(
            root, "testsuite", name=_xml(name), tests=str(len(examples)), failures=str(failures), errors="0"
        )
        for one in examples:
            place = one.example.place.problem("")
            expected = "alert" if one.example.alerts else "quiet"
            case = ET.SubElement(
                suite,
                "testcase",
                classname=_xml(name),
                name=_xml(f"{expected}: {one.example.text}"),
                file=_xml(str(place.file)),
                line=str(place.line),
            )
            if one.fault:
                failure = ET.SubElement(case, "failure", message=_xml(one.fault), type=expected)
                failure.text = _xml(f"{_place(one)}: {one.fault}\n{one.example.text}")
    report: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return report


def _by_watchlist(tried: Iterable[Tried]) -> dict[str, list[Tried]]:
    of: dict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        of[one.example.watchlist].append(one)
    return of


def _place(one: Tried) -> str:
    place = one.example.place.problem("")
    return f"{place.file}:{place.line}:{place.column}"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
