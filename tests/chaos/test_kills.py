"""Killed at every point between an effect and its commit, the service loses nothing and repeats what was in flight.

The judge is the mail server: whatever an undisturbed run tells of an alert, for whichever cause, must arrive in the
disturbed one, alone or with others in a group's mail, and a mail may arrive twice only where a kill came between its
sending and its mark. Of our own database it is only asked which alerts a mail tells.
"""

from __future__ import annotations

import email
import json
import lzma
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from monitor.model import Reason
from monitor.store import open_store
from monitor.store.schema import tellings
from tests.chaos.victim import POINTS
from tests.mailserver import MailServer

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
WATCHLISTS = ROOT / "tests/data/chaos/watchlists.yaml"
OURS = ROOT / "tests/data/chaos/articles.jsonl"
KILLED = -signal.SIGKILL

CONFIG = """\
bus: sqlite:var/bus.db
store: sqlite:var/state.db
watchlists: {watchlists}
sources: sources.yaml
alerts: alerts.yaml
"""
SOURCES = "sources:\n  - {id: inbox, folder: inbox, settle: 0s}\n"
ALERTS = """\
receivers:
  desk: {{email: {{to: [desk@example.org]}}}}
route: {{receiver: desk, routes: [{{match: {{severity: medium}}, group_wait: 30s}}]}}
smtp: {{host: 127.0.0.1, port: {port}, tls: none, from: monitor@example.org}}
"""


class Service:
    """One installation: its folder, its mail server, its articles fed slice by slice."""

    def __init__(self, folder: Path, server: MailServer) -> None:
        self.folder, self.server = folder, server
        (folder / "inbox").mkdir(parents=True)
        (folder / "monitor.yaml").write_text(CONFIG.format(watchlists=WATCHLISTS))
        (folder / "sources.yaml").write_text(SOURCES)
        (folder / "alerts.yaml").write_text(ALERTS.format(port=server.port))

    def feed(self, name: str, articles: Sequence[dict[str, str]]) -> None:
        lines = (json.dumps(article, ensure_ascii=False) for article in articles)
        (self.folder / "inbox" / f"{name}.jsonl").write_text("\n".join(lines) + "\n", "utf-8")

    def run(self, point: str = "never", nth: int = 1) -> int:
        command = [sys.executable, "-m", "tests.chaos.victim", str(self.folder / "monitor.yaml"), point, str(nth)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
        assert done.returncode in {0, KILLED}, done.stderr[-4000:]
        return done.returncode

    def heard(self) -> Heard:
        mails = Counter(email.message_from_bytes(each.data)["Message-ID"] for each in self.server.received)
        arrived = {mail.strip("<>").partition("@")[0] for mail in mails}
        with open_store(f"sqlite:{self.folder}/var/state.db") as store:
            reports = list(store.alerts())
            with store.database.reading() as connection:
                told = select(tellings.c.alert, tellings.c.cause).where(tellings.c.reason == Reason.TOLD)
                causes = {(row.alert, row.cause) for row in connection.execute(told)}
        by_mail = {report.alert.id for report in reports if arrived & {one.id for one in report.told}}
        joined = sum(len(set(report.alert.stories)) - 1 for report in reports)
        return Heard(
            mails, frozenset((alert, cause) for alert, cause in causes if alert in by_mail), len(causes), joined
        )


@dataclass(frozen=True)
class Heard:
    """The mails that arrived, how often each; the causes told of alerts that one of them tells, of all that were told.

    ``joined`` counts further stories that joined an alert.
    """

    mails: Counter[str]
    told: frozenset[tuple[str, str]]
    decided: int
    joined: int


def slices(articles: Sequence[dict[str, str]], count: int) -> list[Sequence[dict[str, str]]]:
    return [articles[start::count] for start in range(count)]


def disturbed(folder: Path, articles: Sequence[dict[str, str]], rounds: int, seed: int) -> tuple[Heard, Counter[str]]:
    """Feed the articles in rounds, each killed once at each point; return the mails and the kills by point."""
    chance = random.Random(seed)
    kills: Counter[str] = Counter()
    with MailServer() as server:
        service = Service(folder, server)
        for number, part in enumerate(slices(articles, rounds)):
            service.feed(f"{number:03}", part)
            for point in POINTS:
                nth = chance.randint(1, 3) if point == "sent, not marked" else 1
                killed = service.run(point, nth) == KILLED
                kills[point] += killed
        assert service.run() == 0
        return service.heard(), kills


def undisturbed(folder: Path, articles: Sequence[dict[str, str]], rounds: int) -> Heard:
    with MailServer() as server:
        service = Service(folder, server)
        for number, part in enumerate(slices(articles, rounds)):
            service.feed(f"{number:03}", part)
            assert service.run() == 0
        return service.heard()


def judge(calm: Heard, rough: Heard, kills: Counter[str]) -> None:
    assert len(calm.told) > len(calm.mails) > 1, "nothing is told together: the test would prove less"
    assert not [mail for mail, times in calm.mails.items() if times > 1], "an undisturbed run repeats itself"
    assert rough.told == calm.told, f"lost {calm.told - rough.told}, made up {rough.told - calm.told}"
    assert (len(calm.told), len(rough.told)) == (calm.decided, rough.decided), "what was decided did not arrive"
    assert rough.joined == calm.joined
    repeats = repeated(rough)
    assert repeats <= kills["sent, not marked"], f"{repeats} repeats for {kills['sent, not marked']} sends in flight"


def repeated(heard: Heard) -> int:
    return heard.mails.total() - len(heard.mails)


def test_a_service_killed_at_each_point_sends_every_mail_and_repeats_only_what_was_in_flight(tmp_path: Path) -> None:
    articles = [json.loads(line) for line in OURS.read_text("utf-8").splitlines()]
    calm = undisturbed(tmp_path / "calm", articles, rounds=1)
    rough, kills = disturbed(tmp_path / "rough", articles, rounds=1, seed=1)
    assert kills == Counter(dict.fromkeys(POINTS, 1))
    judge(calm, rough, kills)


@pytest.mark.chaos
def test_forty_kills_over_five_hundred_real_articles_lose_no_mail(tmp_path: Path, shared: Path) -> None:
    with lzma.open(shared / "corpus/saudinewsnet.jsonl.xz", "rt", encoding="utf-8") as archive:
        articles = [json.loads(line) for line in random.Random(7).sample(list(archive), 500)]
    calm = undisturbed(tmp_path / "calm", articles, rounds=12)
    rough, kills = disturbed(tmp_path / "rough", articles, rounds=12, seed=7)
    sys.stderr.write(
        f"\n{len(articles)} articles, {len(calm.told)} things told in {len(calm.mails)} mails undisturbed, "
        f"{calm.joined} developments; {kills.total()} kills {dict(kills)}: {len(rough.told & calm.told)} told in "
        f"{len(rough.mails)} mails, {repeated(rough)} repeats\n"
    )
    judge(calm, rough, kills)
    assert all(kills[point] >= 10 for point in POINTS), kills
