"""`monitor test`: watchlists held to their own examples."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from monitor.watchlists.examples import Tried, try_examples
from monitor.watchlists.loading import load_watchlists
from monitor.watchlists.reporting import junit_report, tried_line, verdicts
from tests.installation import Installation

if TYPE_CHECKING:
    from pathlib import Path

    from monitor.watchlists.loading import Loaded

NOW = datetime(2026, 11, 24, tzinfo=UTC)
LISTS = """\
watchlists:
  - name: Port of Tartus
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


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "lists.yaml").write_text(LISTS, "utf-8")
    return load_watchlists(tmp_path / "lists.yaml")


@pytest.fixture
def tried(loaded: Loaded) -> list[Tried]:
    return list(try_examples(loaded, NOW))


def test_an_example_that_is_not_as_its_owner_says_is_told_with_its_place_and_why(
    loaded: Loaded, tried: list[Tried], tmp_path: Path
) -> None:
    passed, *failed, untried, summary = verdicts(loaded, tried)
    assert passed.split() == ["FAILED", "port-of-tartus", "(2", "alert,", "2", "quiet)"]
    file = tmp_path / "lists.yaml"
    assert failed == [
        f"  {file}:8:11: this example should alert 'port-of-tartus' and does not: it has no ميناء طرطوس",
        f"  {file}:10:11: this example should not alert 'port-of-tartus' and does, by «ميناء طرطوس» (ميناء طرطوس)",
    ]
    assert untried.startswith("no examples  nobody-tries-this")
    assert summary == "4 examples, 2 failed"


def test_programs_get_an_object_for_each_example(tried: list[Tried]) -> None:
    lines = [tried_line(one) for one in tried]
    assert [(line["expected"], line["passed"]) for line in lines] == [
        ("alert", True),
        ("alert", False),
        ("quiet", False),
        ("quiet", True),
    ]
    assert (lines[1]["line"], lines[1]["column"]) == (8, 11)


def test_the_junit_report_is_xml_whatever_an_example_holds(tried: list[Tried]) -> None:
    root = ET.fromstring(junit_report(tried))  # noqa: S314 - our own
    (suite,) = root
    assert (suite.get("tests"), suite.get("failures")) == ("4", "2")
    cases = {case.get("line"): case for case in suite}
    assert set(cases) == {"7", "8", "10", "11"}
    assert [line for line, case in cases.items() if case.find("failure") is not None] == ["8", "10"]
    assert cases["11"].get("name") == "quiet: حمص <b>&\ufffd"


def test_the_command_ends_with_one_when_an_example_fails_and_writes_the_report(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk", watchlists=LISTS)
    report = tmp_path / "report.xml"
    done = desk("test", "--junit", str(report))
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "4 examples, 2 failed")
    assert ET.parse(report).getroot().tag == "testsuites"  # noqa: S314 - our own
    assert desk("test", "--junit", str(tmp_path / "no" / "report.xml")).returncode == 3
