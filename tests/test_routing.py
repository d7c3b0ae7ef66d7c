"""Who is told: the cases of ``data/routing/cases.yaml``, and what holds for every tree."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from monitor.alerting.routing import DELIVERY_FAILING, Subject, avoid_failing, route, subject_of
from monitor.documents import parse_duration
from monitor.model import Severity
from monitor.ports import Routed
from monitor.settings import Route
from tests.samples import NOW, a_match, alert_settings, an_event, watchlist

DOCUMENT: Any = YAML(typ="safe", pure=True).load(Path(__file__).parent / "data/routing/cases.yaml")
TREE = Route.model_validate(DOCUMENT["tree"])


@pytest.mark.parametrize("case", [pytest.param(case, id=case["why"]) for case in DOCUMENT["cases"]])
def test_route(case: dict[str, Any]) -> None:
    routed = route(TREE, subject(case))
    wait = parse_duration(case["wait"])
    assert [(one.receiver, one.group_wait) for one in routed] == [(receiver, wait) for receiver in case["told"]]
    if "key" in case:
        assert {one.key for one in routed} == {case["key"]}
    if "via" in case:
        assert {one.via for one in routed} == {tuple(case["via"])}


def subject(case: dict[str, Any]) -> Subject:
    plain = {name: case[name] for name in ("owner", "labels", "watchlist", "source", "lang", "kind") if name in case}
    return Subject(severity=Severity(case["severity"]), **plain)


def test_a_match_is_routed_by_all_that_its_watchlist_and_its_article_say() -> None:
    header = watchlist(severity=Severity.HIGH, owner="levant-desk", labels={"desk": "levant"})
    assert subject_of(a_match(on=header, lang="ar")) == Subject(
        severity=Severity.HIGH,
        owner="levant-desk",
        labels={"desk": "levant"},
        watchlist="tartus",
        source="agency",
        lang="ar",
    )


def test_an_operations_alert_is_routed_by_its_severity_and_its_kind() -> None:
    event = subject_of(an_event(NOW, severity=Severity.CRITICAL))
    assert event == Subject(severity=Severity.CRITICAL, kind="operations", rule="source failing")
    assert [one.receiver for one in route(TREE, event)] == ["pager", "desk"]
    (fallback,) = route(TREE, subject_of(an_event(NOW, severity=Severity.HIGH)))
    assert fallback == Routed("here", timedelta(), "operations watchlist=source failing", ())


def test_a_tree_without_receiver_tells_nobody() -> None:
    assert route(Route(), Subject(severity=Severity.CRITICAL)) == ()


def test_each_receiver_is_told_as_the_first_route_that_names_it_says() -> None:
    tree = Route.model_validate(
        {
            "receiver": "here",
            "routes": [
                {"match": {"lang": "ar"}, "receiver": ["desk", "archive"], "group_wait": "5m", "continue": "true"},
                {"match": {"severity": "high"}, "receiver": ["pager", "desk"], "continue": "true"},
            ],
        }
    )
    routed = route(tree, Subject(severity=Severity.HIGH, lang="ar"))
    assert [(one.receiver, one.group_wait, one.via) for one in routed] == [
        ("desk", timedelta(minutes=5), (0,)),
        ("archive", timedelta(minutes=5), (0,)),
        ("pager", timedelta(), (1,)),
    ]


# --- A destination that cannot be reached ----------------------------------------------------------------------------

DESK, NIGHT = {"email": {"to": ["desk@example.org"]}}, {"email": {"to": ["night@example.org"]}}
BOTH = {"email": {"to": ["desk@example.org", "night@example.org"]}}


@pytest.mark.parametrize(
    ("receivers", "routed", "told"),
    [
        pytest.param({"desk": DESK, "night": NIGHT}, ["desk", "night"], ["night"], id="who is not reached is left out"),
        pytest.param({"desk": BOTH}, ["desk"], ["desk"], id="who has another destination is told there, too"),
        pytest.param({"desk": DESK, "night": NIGHT}, ["desk"], ["night"], id="without anybody another is told"),
        pytest.param(
            {"desk": DESK, "same": DESK, "both": BOTH, "night": NIGHT}, ["desk"], ["both"], id="the first that can be"
        ),
        pytest.param({"desk": DESK}, ["desk"], [], id="nobody, if there is nobody else"),
        pytest.param({"desk": DESK, "night": NIGHT}, [], [], id="what no route takes is told nobody"),
        pytest.param({"desk": DESK}, ["former"], ["former"], id="who is not configured is not judged here"),
    ],
)
def test_that_a_destination_fails_is_told_elsewhere(
    receivers: dict[str, Any], routed: list[str], told: list[str]
) -> None:
    event = replace(an_event(NOW), rule=DELIVERY_FAILING, subject="email:desk@example.org")
    known = alert_settings(**receivers).receivers
    here = tuple(Routed(name, timedelta(minutes=1), "key", (0,)) for name in routed)
    left = avoid_failing(here, event, known)
    assert [one.receiver for one in left] == told
    assert {(one.group_wait, one.key, one.via) for one in left} <= {(timedelta(minutes=1), "key", (0,))}


def test_other_events_go_where_they_are_routed() -> None:
    event = replace(an_event(NOW), subject="email:desk@example.org")
    here = (Routed("desk"),)
    assert avoid_failing(here, event, alert_settings(desk=DESK, night=NIGHT).receivers) == here
