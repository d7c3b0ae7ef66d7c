"""`monitor test`: watchlists held to their own examples."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.documents import Document
from monitor.errors import Problem
from monitor.notify.display import clean
from monitor.watchlists.examples import Tried, try_examples
from monitor.watchlists.loading import Example, Loaded, load_watchlists
from monitor.watchlists.reading import Place
from monitor.watchlists.reporting import Suite, junit_report, suites, tried_line, verdicts
from tests.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Sequence

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LISTS = """\
watchlists:
  - name: Port of Tartus
    only: {lang: [ar], tier: [1]}
    expires: 2026-01-01
    terms:
      - ميناء طرطوس
    examples:
      alert:
        - وصلت سفينة إلى ميناء طرطوس
        - انطلق المهرجان في حمص
      quiet:
        - افتتح الوزير ميناء طرطوس
        - "حمص <b>&\\a"
  - name: Nobody tries this
    terms: [حلب]
"""
NEAR = """\
watchlists:
  - name: Assad
    match:
      all:
        - near:
            - بشار الأسد
            - تسليم
          within: 3
        - none:
            - ذكرى
          in: text
    examples:
      alert:
        - {}
"""


def load(folder: Path, lists: str = LISTS) -> Loaded:
    (folder / "lists.yaml").write_text(lists, "utf-8")
    return load_watchlists(folder / "lists.yaml")


def try_all(folder: Path, lists: str = LISTS) -> list[Suite]:
    loaded = load(folder, lists)
    tried = try_examples(loaded, NOW, timer=map(float, count()).__next__)
    return suites(loaded, tried, {one.header.id for one in loaded.watchlists})


def faults(found: Sequence[Suite]) -> list[str]:
    return [one.fault for suite in found for one in suite.failed]


def test_an_example_that_is_not_as_its_owner_says_is_told_with_its_place_and_what_was_found(tmp_path: Path) -> None:
    file = tmp_path / "lists.yaml"
    assert list(verdicts(try_all(tmp_path), clean)) == [
        "FAILED       port-of-tartus  (2 alert, 2 quiet, 4000 ms)",
        f"  {file}:10:11: this example should alert 'port-of-tartus' and does not: it has no ميناء طرطوس",
        "    انطلق المهرجان في حمص",
        f"  {file}:12:11: this example should not alert 'port-of-tartus' and does, by «ميناء طرطوس» (ميناء طرطوس)",
        "    افتتح الوزير *ميناء طرطوس*",
        "no examples  nobody-tries-this  (write some: they hold it for ever)",
        "4 examples, 2 failed, 1 watchlists without examples, 4.00 s",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("سلمت روسيا بشار الأسد", ""),
        ("وصل بشار الأسد", "it has «بشار الأسد», but no تسليم"),
        (
            "سلمت روسيا بعد مفاوضات طويلة جدا بشار الأسد",
            "it has «بشار الأسد», «سلمت»: they stand too far apart: 5 words between; asked is at most 3 words between",
        ),
        ("في ذكرى سلمت روسيا بشار الأسد", "it has «بشار الأسد», «سلمت»: held back by ذكرى"),
        ("الملف", "it has no بشار الأسد and no تسليم"),
    ],
)
def test_a_missed_example_says_what_it_lacks(tmp_path: Path, text: str, why: str) -> None:
    found = faults(try_all(tmp_path, NEAR.format(text)))
    assert found == ([f"this example should alert 'assad' and does not: {why}"] if why else [])


def test_a_missed_example_says_what_came_nearest(tmp_path: Path) -> None:
    lists = "watchlists: [{name: Port, terms: [ميناء طرطوس], examples: {alert: [وصل إلى طرطوس من ميناء]}}]"
    (fault,) = faults(try_all(tmp_path, lists))
    assert fault.endswith(
        "no ميناء طرطوس (nearest is «طرطوس من ميناء»: «ميناء طرطوس»: the words are there, in another order)"
    )


def test_programs_get_an_object_for_each_example(tmp_path: Path) -> None:
    lines = [tried_line(one) for suite in try_all(tmp_path) for one in suite.tried]
    assert [(line["expected"], line["passed"]) for line in lines] == [
        ("alert", True),
        ("alert", False),
        ("quiet", False),
        ("quiet", True),
    ]
    assert (lines[1]["line"], lines[1]["column"]) == (10, 11)
    assert lines[2]["found"] == [{"start": 13, "end": 24, "text": "ميناء طرطوس"}]


# --- JUnit -----------------------------------------------------------------------------------------------------------


def test_the_junit_report_has_a_suite_for_each_watchlist_and_a_case_for_each_example(tmp_path: Path) -> None:
    root = ET.fromstring(junit_report(try_all(tmp_path)))  # noqa: S314 - our own
    suite, untried = root
    assert dict(root.attrib) == {
        "name": "monitor test",
        "tests": "4",
        "failures": "2",
        "errors": "0",
        "skipped": "0",
        "time": "4.000",
    }
    assert (suite.get("name"), suite.get("file")) == ("port-of-tartus", str(tmp_path / "lists.yaml"))
    assert (untried.get("name"), untried.get("tests")) == ("nobody-tries-this", "0")
    cases = {case.get("line"): case for case in suite}
    assert set(cases) == {"9", "10", "12", "13"}
    assert [line for line, case in cases.items() if case.find("failure") is not None] == ["10", "12"]
    assert (cases["12"].findtext("failure") or "").endswith("\nافتتح الوزير *ميناء طرطوس*")
    assert cases["13"].get("name") == "quiet: حمص <b>&\ufffd"


@given(text=st.text(st.characters()), fault=st.text(st.characters()), name=st.text(st.characters()))
def test_the_junit_report_is_xml_whatever_stands_in_it(text: str, fault: str, name: str) -> None:
    file = Path("lists.yaml")
    example = Example(watchlist=name, text=text, alerts=True, place=Place(Document(file, None, {}, {})))
    suite = Suite(name, file, (Tried(example=example, fault=fault, marks=((0, len(text)),)),))
    root = ET.fromstring(junit_report([suite], [Problem(file, 1, 1, "error", fault)]))  # noqa: S314 - our own
    assert [len(one) for one in root] == [1, 1]


# --- The command -----------------------------------------------------------------------------------------------------


def test_the_command_ends_with_one_when_an_example_fails_and_writes_the_report(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists=LISTS)
    report = tmp_path / "report.xml"
    done = desk("test", "--junit", str(report))
    assert (done.returncode, done.stdout.splitlines()[-1][:21]) == (1, "4 examples, 2 failed,")
    assert ET.parse(report).getroot().get("failures") == "2"  # noqa: S314 - our own
    assert desk("test", "--junit", str(tmp_path / "no" / "report.xml")).returncode == 3


def test_watchlists_are_chosen_by_id_or_file(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists=LISTS)
    desk.write("more.yaml", "watchlists: [{name: Rain, terms: [مطر], examples: {alert: [هطل المطر], quiet: [غيم]}}]")
    more = desk("test", str(desk.folder / "more.yaml"), "--json")
    assert (more.returncode, [json.loads(line)["watchlist"] for line in more.stdout.splitlines()]) == (0, ["rain"] * 2)
    one = desk("test", "nobody-tries-this")
    assert (one.returncode, one.stdout.splitlines()[0].split()[:3]) == (0, ["no", "examples", "nobody-tries-this"])
    unknown = desk("test", "port-of-tartous")
    assert (unknown.returncode, "did you mean 'port-of-tartus'?" in unknown.stderr) == (2, True)


def test_watchlists_that_cannot_be_read_are_a_fault_with_its_place_and_an_error_in_the_report(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists="watchlists: [{name: X, terms: []}]\n")
    report = tmp_path / "report.xml"
    done = desk("test", "--junit", str(report))
    assert (done.returncode, done.stdout) == (1, "")
    assert "watchlists.yaml:1:31: error: " in done.stderr
    (case,) = ET.parse(report).getroot().iter("testcase")  # noqa: S314 - our own
    assert (case.get("line"), case[0].tag) == ("1", "error")
