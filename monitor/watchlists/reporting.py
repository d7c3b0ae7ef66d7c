"""What `monitor test` says of the examples that were tried: for people, for programs, for CI."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from monitor.errors import Problem
    from monitor.watchlists.examples import Tried
    from monitor.watchlists.loading import Loaded

_NOT_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 §2.2 has no way to write."""

MARK: Final = "*"
"""Stands on both sides of what a watchlist found in a failing example."""


@dataclass(frozen=True, slots=True)
class Suite:
    """A watchlist and its examples, tried."""

    watchlist: str
    file: Path
    tried: tuple[Tried, ...]

    @property
    def failed(self) -> list[Tried]:
        """The examples that are not as their owner says."""
        return [one for one in self.tried if one.fault]

    @property
    def took(self) -> float:
        """Seconds."""
        return sum(one.took for one in self.tried)


def suites(loaded: Loaded, tried: Iterable[Tried], wanted: Container[str]) -> list[Suite]:
    """Group examples by watchlist, those without any too, in the order of the files."""
    of: dict[str, list[Tried]] = defaultdict(list)
    for one in tried:
        of[one.example.watchlist].append(one)
    return [
        Suite(name, place.problem("").file, tuple(of[name])) for name, place in loaded.places.items() if name in wanted
    ]


# --- For people ------------------------------------------------------------------------------------------------------


def verdicts(suites: Sequence[Suite], clean: Callable[[str], str]) -> Iterator[str]:
    """Give a line for each watchlist, below it each failing example with its place, why it fails, and its text.

    ``clean`` makes text from outside fit for a line of a terminal.
    """
    for suite in suites:
        state = "FAILED" if suite.failed else "passed" if suite.tried else "no examples"
        yield f"{state:11}  {suite.watchlist}  ({_counts(suite)})"
        for one in suite.failed:
            yield f"  {_place(one)}: {clean(one.fault)}"
            yield f"    {clean(_marked(one))}"
    every = sum(len(suite.tried) for suite in suites)
    failing = sum(len(suite.failed) for suite in suites)
    untried = sum(not suite.tried for suite in suites)
    without = f", {untried} watchlists without examples" if untried else ""
    yield f"{every} examples, {failing} failed{without}, {sum(suite.took for suite in suites):.2f} s"


def _counts(suite: Suite) -> str:
    if not suite.tried:
        return "write some: they hold it for ever"
    alerts = sum(one.example.alerts for one in suite.tried)
    return f"{alerts} alert, {len(suite.tried) - alerts} quiet, {suite.took * 1000:.0f} ms"


def _marked(one: Tried) -> str:
    """Put marks around the found words; what overlaps is marked once."""
    text, pieces, at = one.example.text, [], 0
    for start, end in one.marks:
        if start >= at:
            pieces += [text[at:start], MARK, text[start:end], MARK]
            at = end
    return "".join([*pieces, text[at:]])


def _place(one: Tried) -> str:
    place = one.example.place.problem("")
    return f"{place.file}:{place.line}:{place.column}"


# --- For programs ----------------------------------------------------------------------------------------------------


def tried_line(one: Tried) -> dict[str, object]:
    """Describe one example for programs."""
    place = one.example.place.problem("")
    return {
        "watchlist": one.example.watchlist,
        "file": str(place.file),
        "line": place.line,
        "column": place.column,
        "expected": _expected(one),
        "passed": not one.fault,
        "fault": one.fault or None,
        "text": one.example.text,
        "found": [{"start": start, "end": end, "text": one.example.text[start:end]} for start, end in one.marks],
    }


def _expected(one: Tried) -> str:
    return "alert" if one.example.alerts else "quiet"


def junit_report(suites: Sequence[Suite], problems: Sequence[Problem] = ()) -> bytes:
    """Write a JUnit report: a suite for each watchlist, a case for each example, an error for each problem."""
    tests = sum(len(suite.tried) for suite in suites) + len(problems)
    failures = sum(len(suite.failed) for suite in suites)
    took = sum(suite.took for suite in suites)
    root = ET.Element("testsuites", {"name": "monitor test", **_numbers(tests, failures, len(problems), took)})
    if problems:
        counts = _numbers(len(problems), 0, len(problems), 0)
        loading = ET.SubElement(root, "testsuite", {"name": "loading", **counts})
        for problem in problems:
            case = _case(loading, problem.message, problem)
            ET.SubElement(case, "error", message=_xml(problem.message), type=problem.level).text = _xml(str(problem))
    for suite in suites:
        counts = _numbers(len(suite.tried), len(suite.failed), 0, suite.took)
        element = ET.SubElement(
            root, "testsuite", {"name": _xml(suite.watchlist), "file": _xml(str(suite.file)), **counts}
        )
        for one in suite.tried:
            name = f"{_expected(one)}: {one.example.text}"
            case = _case(element, name, one.example.place.problem(""), one.took)
            if one.fault:
                failure = ET.SubElement(case, "failure", message=_xml(one.fault), type=_expected(one))
                failure.text = _xml(f"{_place(one)}: {one.fault}\n{_marked(one)}")
    report: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return report


def _numbers(tests: int, failures: int, errors: int, took: float) -> dict[str, str]:
    counts = {"tests": tests, "failures": failures, "errors": errors, "skipped": 0}
    return {**{name: str(count) for name, count in counts.items()}, "time": f"{took:.3f}"}


def _case(suite: ET.Element, name: str, place: Problem, took: float = 0.0) -> ET.Element:
    return ET.SubElement(
        suite,
        "testcase",
        classname=suite.get("name", ""),
        name=_xml(name),
        file=_xml(str(place.file)),
        line=str(place.line),
        time=f"{took:.3f}",
    )


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
