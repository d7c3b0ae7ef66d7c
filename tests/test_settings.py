"""The configuration: paths, variables, and what is told when something is wrong in it."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.errors import Problems
from monitor.model import Severity
from monitor.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path

MAIN = """\
bus: sqlite:../var/bus.db
store: sqlite:../var/state.db
watchlists: ../watchlists.yaml
sources: sources.yaml
alerts: alerts.yaml
"""
SOURCES = "sources:\n  - {id: inbox, folder: ../inbox}\n"
ALERTS = "receivers:\n  here: {terminal: true, file: ../var/outbox}\nroute: {receiver: here}\n"


def load(folder: Path, *, main: str = MAIN, sources: str = SOURCES, alerts: str = ALERTS, **variables: str) -> Settings:
    config = folder / "config"
    config.mkdir(parents=True)
    (folder / "inbox").mkdir()
    for name, text in (("monitor", main), ("sources", sources), ("alerts", alerts)):
        (config / f"{name}.yaml").write_text(text, "utf-8")
    return load_settings(config / "monitor.yaml", variables)


def complaint(folder: Path, **parts: str) -> str:
    with pytest.raises(Problems) as caught:
        load(folder, **parts)
    return str(caught.value)


def test_paths_are_relative_to_the_file_they_stand_in(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.bus == f"sqlite:{tmp_path}/var/bus.db"
    assert settings.watchlists == tmp_path / "watchlists.yaml"
    assert settings.sources[0].folder == tmp_path / "inbox"
    assert settings.alerts.receivers["here"].destinations == (("terminal", "-"), ("file", f"{tmp_path}/var/outbox"))


def test_folders_and_feeds_have_their_own_defaults(tmp_path: Path) -> None:
    settings = load(tmp_path, sources=SOURCES + "  - {id: feed, url: https://example.org/rss}\n")
    folder, feed = settings.sources
    assert (folder.first_poll, folder.oldest, folder.every) == ("all", None, timedelta(seconds=2))
    assert (feed.first_poll, feed.oldest, feed.every) == ("none", timedelta(hours=48), timedelta(minutes=5))


def test_variables_are_replaced_in_values_with_defaults_and_from_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s3cret\n")
    alerts = """\
receivers:
  desk: {email: {to: ["${DESK}"]}}
route: {receiver: desk}
smtp: {host: "${HOST:-localhost}", user: monitor, password: "${file:../secret}", from: monitor@example.org}
"""
    smtp = load(tmp_path, alerts=alerts, DESK="desk@example.org").alerts.smtp
    assert smtp is not None
    assert smtp.password is not None
    assert (smtp.host, smtp.password.get_secret_value()) == ("localhost", "s3cret")


def test_an_unset_variable_is_an_error_where_the_receiver_is_routed_to(tmp_path: Path) -> None:
    alerts = 'receivers:\n  desk: {email: {to: ["${DESK}"]}}\nroute: {receiver: desk}\nsmtp: {host: h, from: a@b.c}\n'
    assert "alerts.yaml:2:23: error: variable DESK is not set" in complaint(tmp_path, alerts=alerts)


def test_an_unset_variable_is_a_warning_where_nobody_routes_to_the_receiver(tmp_path: Path) -> None:
    alerts = ALERTS.replace("route:", '  desk: {email: {to: ["${DESK}"]}}\nroute:')
    settings = load(tmp_path, alerts=alerts + 'smtp: {host: h, password: "${PASSWORD}", from: a@b.c}\n')
    assert [problem.level for problem in settings.warnings] == ["warning", "warning"]
    assert set(settings.alerts.receivers) == {"here"}


def test_a_message_is_tried_for_a_day_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path / "a").alerts.give_up == timedelta(days=1)
    assert load(tmp_path / "b", alerts=ALERTS + "give_up: 30m\n").alerts.give_up == timedelta(minutes=30)
    told = complaint(tmp_path / "c", alerts=ALERTS + "give_up: 5s\n")
    assert "a message is tried for at least 1m" in told


def test_it_listens_on_loopback_unless_told_otherwise(tmp_path: Path) -> None:
    assert load(tmp_path / "a").listen == ("127.0.0.1", 8080)
    assert load(tmp_path / "b", main=MAIN + "web: {listen: '[::1]:9000'}\n").listen == ("::1", 9000)
    assert "monitor.yaml:6:15: error: 'here' is no host:port" in complaint(
        tmp_path / "c", main=MAIN + "web: {listen: here}\n"
    )


def test_a_folder_that_is_not_there_is_a_warning_with_its_place(tmp_path: Path) -> None:
    settings = load(tmp_path, sources="sources:\n  - {id: x, folder: ../nowhere}\n")
    (warning,) = settings.warnings
    assert str(warning).startswith(f"{tmp_path}/config/sources.yaml:2:21: warning: {tmp_path}/nowhere is not there")


def test_slack_is_known_by_its_channel_and_a_webhook_by_no_secret(tmp_path: Path) -> None:
    alerts = """\
receivers:
  bot: {slack: {channel: "#levant", token: "${TOKEN}"}}
  hook: {slack: {webhook: "https://hooks.example.org/${TOKEN}"}, apprise: {url: "ntfy://${TOKEN}@example.org/x"}}
route: {receiver: [bot, hook]}
"""
    settings = load(tmp_path, alerts=alerts, TOKEN="s3cret")
    told = [one.destinations for one in settings.alerts.receivers.values()]
    assert told[0] == (("slack", "#levant"),)
    assert [(channel, name.split()[0]) for channel, name in told[1]] == [("slack", "webhook"), ("apprise", "ntfy")]
    assert "s3cret" not in f"{told}{settings}"


@pytest.mark.parametrize("slack", ["{}", "{channel: x}", "{token: x}", "{webhook: 'https://e.org/', token: x}"])
def test_slack_needs_a_channel_with_a_token_or_a_webhook(tmp_path: Path, slack: str) -> None:
    said = complaint(tmp_path, alerts=f"receivers:\n  a: {{slack: {slack}}}\nroute: {{receiver: a}}\n")
    assert "alerts.yaml:2:14: error: slack: has either" in said


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("slack: {token: s3cret, channel: }", '2:38: error: a channel\'s name stands in quotes, "#levant"'),
        ("slack: {token: s3cret, channel: 'a b'}", "2:39: error: 'a b' is no channel"),
        ("slack: {token: '', channel: x}", "2:22: error: this is no token"),
        ("slack: {token: 's3cret \u200f', channel: x}", "2:22: error: this is no token"),
        ("slack: {webhook: ftp.example.org/s3cret}", "2:24: error: a webhook is an address"),
        ("slack: {webhook: 'https://e.org/s3cret x'}", "2:24: error: a webhook is an address"),
        ("apprise: {url: s3cret}", "2:22: error: an address as Apprise writes it begins"),
        ("apprise: {url: []}", "2:22: error: "),
    ],
)
def test_a_target_that_cannot_be_one_is_told_without_its_secret(tmp_path: Path, target: str, says: str) -> None:
    said = complaint(tmp_path, alerts=f"receivers:\n  a: {{{target}}}\nroute: {{receiver: a}}\n")
    assert f"alerts.yaml:{says}" in said
    assert "s3cret" not in said


def test_apprise_without_its_package_is_told_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)  # as where it is not installed
    said = complaint(tmp_path, alerts="receivers:\n  a: {apprise: {url: json://e.org}}\nroute: {receiver: a}\n")
    assert 'alerts.yaml:2:16: error: apprise: needs the package of that name: pip install "monitor[apprise]"' in said


def test_one_channel_name_with_two_tokens_is_a_fault(tmp_path: Path) -> None:
    receivers = '  a: {slack: {channel: "#x", token: one}}\n  b: {slack: {channel: "#x", token: two}}\n'
    said = complaint(tmp_path, alerts=f"receivers:\n{receivers}route: {{receiver: [a, b]}}\n")
    assert "alerts.yaml:3:14: error: #x stands here with two tokens" in said


@pytest.mark.parametrize(
    ("part", "text", "line"),
    [
        (
            "main",
            MAIN.replace("watchlists:", "watchlist:"),
            "monitor.yaml:3:1: error: unknown key 'watchlist'; did you",
        ),
        ("main", MAIN.replace("sqlite:../var/bus.db", "redis://x"), "monitor.yaml:1:6: error: a bus is sqlite:PATH or"),
        ("main", MAIN.replace("sources.yaml", "nowhere.yaml"), "nowhere.yaml:1:1: error: no such file"),
        ("sources", SOURCES.replace("inbox,", "in box,"), "sources.yaml:2:10: error: an id is made of letters"),
        ("sources", SOURCES.replace("folder:", "fodler:"), "unknown key 'fodler'; did you mean 'folder'?"),
        (
            "sources",
            "sources:\n  - {id: a}\n",
            "sources.yaml:2:5: error: a source has either url: (a feed), sitemap:, page: or folder:",
        ),
        ("sources", "sources:\n  - {id: a, url: 'ftp://x'}\n", "an address begins with http:// or https://"),
        ("sources", SOURCES + SOURCES.splitlines()[1], "sources.yaml:3:10: error: source 'inbox' stands here twice"),
        ("sources", SOURCES.replace("}", ", interval: fast}"), "'fast' is no duration; write it like 30s"),
        (
            "alerts",
            ALERTS.replace("receiver: here", "receiver: hree"),
            "no receiver is called 'hree'; did you mean 'here'?",
        ),
        ("alerts", ALERTS.replace("{receiver: here}", "{}"), "the first route needs a receiver"),
        ("alerts", ALERTS.replace("terminal: true, file: ../var/outbox", ""), "receiver 'here' reaches nobody"),
        ("alerts", ALERTS.replace("terminal: true", "email: {to: [a@b.c]}"), "mail needs a server: add smtp:"),
        ("alerts", ALERTS.replace("terminal: true", "email: {to: [nobody]}"), "'nobody' is no mail address"),
        ("alerts", ALERTS.replace("{receiver: here}", "{receiver: here, match: {owner: x}}"), "takes everything"),
        (
            "alerts",
            ALERTS.replace("{receiver: here}", "{receiver: here, routes: [{match: {severity: huge}}]}"),
            "'low', 'medium', 'high'",
        ),
    ],
)
def test_what_is_wrong_is_told_with_place_and_remedy(tmp_path: Path, part: str, text: str, line: str) -> None:
    assert line in complaint(tmp_path, **{part: text})


def alerting(receiver: str = "", route: str = "") -> str:
    return f"receivers:\n  here:\n    terminal: true\n    {receiver}\nroute:\n  receiver: here\n  {route}\n"


@pytest.mark.parametrize(
    ("receiver", "route", "says"),
    [
        ("zone: Beirut", "", "4:11: error: 'Beirut' is no time zone; write it like Asia/Beirut"),
        ('quiet_hours: {from: "23", to: "07:00"}', "", "4:25: error: '23' is no time of day; write it like"),
        ('quiet_hours: {from: "23:00", to: "23:00"}', "", "4:18: error: these hours begin when they end; a whole day"),
        ('quiet_hours: {from: "00:00", to: "24:00"}', "", "4:18: error: these hours never end, so nobody would ever"),
        ('quiet_hours: {from: "23:00", to: "07:00", days: [friday]}', "", "this should be 'mon', 'tue', 'wed'"),
        ('quiet_hours: {from: "23:00", to: "07:00", until: x}', "", "unknown key 'until'"),
        ("rate: {most: 0, per: 1h}", "", "4:18: error: this should be greater than or equal to 1"),
        ("rate: {most: 3, per: 0s}", "", "4:26: error: a rate is per some time, such as 1h"),
        ('digest: {at: "daily"}', "", "4:18: error: 'daily' is no cron line of five fields; write minute, hour"),
        ("", "continue: true", "7:13: error: nothing stands behind the first route; take continue: out"),
        ("", "group_by: [watchlist, topic]", "'topic' is nothing to group by; known here: watchlist, owner, severity"),
        ("", "routes: [{match: {kind: fault}}]", "this should be 'watchlist' or 'operations'"),
    ],
)
def test_what_is_wrong_with_when_is_told_with_place_and_remedy(
    tmp_path: Path, receiver: str, route: str, says: str
) -> None:
    assert says in complaint(tmp_path, alerts=alerting(receiver, route))


def test_when_a_receiver_may_be_told_is_read_as_it_is_written(tmp_path: Path) -> None:
    written = """\
receivers:
  here:
    terminal: true
    zone: Asia/Beirut
    quiet_hours:
      - {from: 23:00, to: 07:00}
      - {from: 12:00, to: 24:00, days: fri, breakthrough: high}
    rate: {most: 10, per: 1h30m}
    digest: {at: 0 8 * * *, empty: true}
route: {receiver: here}
"""
    here = load(tmp_path, alerts=written).alerts.receivers["here"]
    friday_noon = datetime(2026, 11, 20, 10, 30, tzinfo=UTC)
    assert here.quiet_until(friday_noon, Severity.MEDIUM) == datetime(2026, 11, 21, 5, tzinfo=UTC), "both, one by one"
    assert here.quiet_until(friday_noon, Severity.HIGH) is None
    night = datetime(2026, 11, 20, 22, tzinfo=UTC)
    assert here.quiet_until(night, Severity.HIGH) == datetime(2026, 11, 21, 5, tzinfo=UTC)
    assert here.quiet_until(night, Severity.CRITICAL) is None
    assert here.rate is not None
    assert (here.rate.most, here.rate.per) == (10, timedelta(minutes=90))
    assert here.digest is not None
    assert here.digest.empty


@pytest.mark.parametrize(
    ("before", "behind", "dead"),
    [
        ("severity: high", "severity: high", True),
        ("severity: [high, low]", "severity: high, lang: ar", True),
        ("severity: high", "severity: [high, low]", False),
        ("severity: high", "lang: ar", False),
        ("labels: {desk: [levant, gulf]}", "labels: {desk: gulf, shift: night}", True),
        ("labels: {desk: levant}", "labels: {shift: night}", False),
        ("", "watchlist: tartus", True),
        ("kind: operations", "", False),
    ],
)
def test_a_route_that_nothing_comes_to_is_warned_of(tmp_path: Path, before: str, behind: str, dead: bool) -> None:
    routes = "routes:\n    - match: {{{}}}\n{}    - match: {{{}}}"
    warned = load(tmp_path / "ends", alerts=alerting(route=routes.format(before, "", behind))).warnings
    said = ["alerts.yaml:9:7: warning: nothing comes here: the route in line 8 takes all of it; put this one before it"]
    assert [str(one).rpartition("/")[2][: len(said[0])] for one in warned] == (said if dead else [])
    goes_on = routes.format(before, "      continue: true\n", behind)
    assert load(tmp_path / "on", alerts=alerting(route=goes_on)).warnings == ()


def test_faults_of_both_files_are_told_at_once(tmp_path: Path) -> None:
    told = complaint(tmp_path, sources="sources: [{}]", alerts="receivers: {}")
    assert "sources.yaml" in told
    assert "alerts.yaml" in told
