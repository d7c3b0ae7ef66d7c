"""JSON Schemas for editors: right about every file that is right, and about most that are wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from monitor.schemas import NAMES, json_schema
from tests.test_meaning import CASES

ROOT: Final = Path(__file__).parents[1]
BROKEN: Final = sorted((ROOT / "tests/data/watchlists/broken").glob("*.yaml"))
SHIPPED: Final = [
    (name, path)
    for folder in ("", "monitor/cli/start/")
    for name, path in (
        ("watchlists", f"{folder}watchlists.yaml"),
        ("config", f"{folder}config/monitor.yaml"),
        ("sources", f"{folder}config/sources.yaml"),
        ("alerts", f"{folder}config/alerts.yaml"),
    )
]


def load(text: str) -> Any:  # noqa: ANN401 - whatever stands in it
    """Read a file as an editor does."""
    loader = YAML(typ="safe", pure=True)
    loader.constructor.yaml_constructors["tag:yaml.org,2002:timestamp"] = lambda _, node: str(node.value)
    return loader.load(text)


def faults(name: str, value: Any) -> list[str]:  # noqa: ANN401 - whatever stands in it
    return [error.message for error in Draft202012Validator(json_schema(name)).iter_errors(value)]


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize(("name", "path"), SHIPPED, ids=[path for _, path in SHIPPED])
def test_what_we_ship_is_right(name: str, path: str) -> None:
    assert faults(name, load((ROOT / path).read_text("utf-8"))) == []


def test_every_expression_of_the_ten_lines_is_right() -> None:
    wrong = {}
    for case in CASES:
        concepts = load(case["concepts"]) if "concepts" in case else {}
        value = {"concepts": concepts, "watchlists": [{"name": "case", **load(case["watchlist"])}]}
        if said := faults("watchlists", value):
            wrong[case["why"]] = said
    assert wrong == {}


def test_most_broken_files_are_seen_to_be() -> None:
    unseen = []
    for file in BROKEN:
        try:
            value = load(file.read_text("utf-8"))
        except (YAMLError, ValueError):
            continue
        if not faults("watchlists", value):
            unseen.append(file.stem)
    assert len(unseen) < len(BROKEN) * 0.4, unseen


def test_a_full_configuration_is_right() -> None:
    alerts = """\
receivers:
  desk:
    email: {to: desk@example.org}
    slack: {channel: "#levant", token: "${SLACK_TOKEN}"}
    zone: Asia/Beirut
    quiet_hours: {from: "23:00", to: "07:00", days: fri}
    rate: {most: 10, per: 1h}
  relay:
    apprise: {url: [ntfy://x/y]}
    file: ../var/outbox
    terminal: true
    quiet_hours: [{from: "23:00", to: "07:00", days: [fri, sat], breakthrough: high}]
    digest: {at: "0 8 * * *", empty: true}
route:
  receiver: [desk, relay]
  routes:
    - {match: {severity: high, labels: {desk: levant}}, receiver: desk, group_wait: 30s, continue: true}
    - match: {watchlist: [a, b], source: c, lang: ar, kind: operations, labels: {desk: [levant, gulf]}}
      group_by: [severity, label:desk]
smtp: {host: h, port: 25, tls: none, from: a@example.org}
"""
    sources = "sources: [{id: a, url: https://example.org/rss, interval: 5m, lang: ar, tier: 1, backfill: 24h}]"
    assert faults("alerts", load(alerts)) == []
    assert faults("sources", load(sources)) == []
    assert faults("alerts", load(alerts.replace("severity: high", "severty: high")))
    assert faults("sources", load(sources.replace("interval", "intervall")))
