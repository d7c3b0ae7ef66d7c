"""Who is told: the cases of ``data/routing/cases.yaml``, and what holds for every tree."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from monitor.alerting.routing import Subject, route, subject_of
from monitor.documents import parse_duration
from monitor.model import Severity
from monitor.ports import Routed
from monitor.settings import Route
from tests.samples import NOW, an_event, watchlist

DOCUMENT: Any = YAML(typ="safe", pure=True).load(Path(__file__).parent / "data/routing/cases.yaml")
TREE = Route.model_validate(DOCUMENT["tree"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["why"]) for case in DOCUMENT["cases"]])
def test_route(case: dict[str, Any]) -> None:
    subject = Subject(
        severity=Severity(case["severity"]), owner=case.get("owner"), labels=dict(case.get("labels") or {})
    )
    wait = parse_duration(case["wait"])
    assert route(TREE, subject) == tuple(Routed(receiver, wait) for receiver in case["told"])


def test_a_watchlist_is_routed_by_all_that_its_owner_wrote() -> None:
    header = watchlist(severity=Severity.HIGH, owner="levant-desk", labels={"desk": "levant"})
    assert subject_of(header) == Subject(severity=Severity.HIGH, owner="levant-desk", labels={"desk": "levant"})


def test_an_operations_alert_is_routed_by_its_severity_alone() -> None:
    assert route(TREE, subject_of(an_event(NOW, severity=Severity.CRITICAL))) == (Routed("pager"), Routed("desk"))
    assert route(TREE, subject_of(an_event(NOW, severity=Severity.HIGH))) == (Routed("here", timedelta()),)


def test_a_tree_without_receiver_tells_nobody() -> None:
    assert route(Route(), Subject(severity=Severity.CRITICAL)) == ()
