"""`monitor doctor`: whether an installation can work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from monitor.doctoring import Finding, examine
from tests.installation import ALERTS, SOURCES, Installation

if TYPE_CHECKING:
    from pathlib import Path


UNREACHED = """\
receivers: {here: {email: {to: [a@example.org]}}}
route: {receiver: here}
smtp: {host: 127.0.0.1, port: 1, tls: none, from: m@example.org}
"""


@pytest.fixture
def desk(tmp_path: Path) -> Installation:
    desk = Installation(tmp_path / "desk")
    main = (desk.folder / "monitor.yaml").read_text("utf-8")
    desk.write("monitor.yaml", f"{main}web: {{listen: 127.0.0.1:1}}\n")
    return desk


def findings(desk: Installation) -> dict[str, Finding]:
    return {found.what: found for found in examine(desk.folder / "monitor.yaml", {})}


def test_an_installation_that_can_work_lacks_only_its_service(desk: Installation) -> None:
    found = findings(desk)
    assert {what for what, one in found.items() if one.state != "ok"} == {"service"}
    assert (found["service"].state, found["service"].remedy) == ("warning", "monitor run")
    assert {"watchlists", "bus", "store", "sources", "dead letters", "receiver here"} <= found.keys()


@pytest.mark.parametrize(
    ("file", "text", "what"),
    [
        ("monitor.yaml", "bus: x", "configuration"),
        ("watchlists.yaml", "watchlists: [", "watchlists"),
        ("alerts.yaml", ALERTS.replace("outbox", "watchlists.yaml"), "receiver here"),
        (
            "alerts.yaml",
            UNREACHED,
            "receiver here",
        ),
    ],
)
def test_what_cannot_work_is_found_with_a_remedy(desk: Installation, file: str, text: str, what: str) -> None:
    desk.write(file, text)
    found = findings(desk)[what]
    assert (found.state, bool(found.remedy)) == ("failing", True)


def test_a_foreign_file_in_the_place_of_bus_or_store_is_found(desk: Installation) -> None:
    (desk.folder / "var").mkdir()
    for name in ("bus.db", "state.db"):
        (desk.folder / "var" / name).write_text("this is no database at all, it is a text" * 100)
    found = findings(desk)
    assert (found["bus"].state, found["store"].state) == ("failing", "failing")


def test_the_command_says_all_of_it_and_fails_when_something_cannot_work(desk: Installation) -> None:
    desk.put("ship.txt", "رست سفينة شحن في ميناء طرطوس صباح اليوم.")
    desk.write("sources.yaml", SOURCES + "  - {id: gone, folder: nowhere}\n")
    assert desk("run", "--until-idle").returncode == 1
    done = desk("doctor")
    assert done.returncode == 0
    assert "warning  sources: gone failed 1 times in a row" in done.stdout
    desk.write("watchlists.yaml", "watchlists: [")
    broken = desk("doctor", "--json")
    assert (broken.returncode, '"what":"watchlists","state":"failing"' in broken.stdout) == (1, True)
