"""The composed service, run in this process: what outlives its articles, what it never says, how it ends."""

from __future__ import annotations

import socket
import threading
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from monitor.app import RETENTION, STAGES, STOP_WITHIN, App, open_app
from monitor.clock import wall_clock
from monitor.errors import NewerVersion, Problems
from monitor.ports import Outgoing
from monitor.settings import load_settings
from tests.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from monitor.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    monitor = Installation(tmp_path / "desk", alerts="receivers: {here: {file: outbox}}\nroute: {receiver: here}\n")
    monitor.put("ship.txt", "رست سفينة شحن في ميناء طرطوس صباح اليوم.")
    return load_settings(monitor.folder / "monitor.yaml", {})


def wait_until(stop: threading.Event, app: App, topic: str) -> None:
    """Stop the service when a topic holds nothing any more."""
    while list(app.bus.read(topic)) and not stop.wait(0.05):
        pass
    stop.set()


def test_records_are_dropped_after_thirty_days_when_every_group_has_read_them(settings: Settings) -> None:
    with open_app(settings) as app:
        assert app.until_idle().new_alerts == 1
        assert len(list(app.bus.read("articles"))) == 1
    with open_app(settings, STAGES, lambda: wall_clock() + RETENTION + timedelta(days=1)) as later:
        stop = threading.Event()
        threading.Timer(30, stop.set).start()
        watcher = threading.Thread(target=wait_until, args=(stop, later, "articles"))
        watcher.start()
        later.claim()
        later.run(stop, lambda _: None)
        watcher.join()
        assert not list(later.bus.read("articles"))
        assert later.store.standing() == 1


@contextmanager
def silent_server() -> Iterator[socket.socket]:
    """Take connections, and never say a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(30)
        yield listener


def wait_for(folder: Path, count: int) -> None:
    """Wait until a folder holds so many mails."""
    late = threading.Event()
    threading.Timer(30, late.set).start()
    while len([*folder.glob("*.eml")]) < count:
        assert not late.wait(0.05)
    late.set()


def test_a_mail_server_that_hangs_keeps_no_other_channel_waiting_nor_the_end(tmp_path: Path) -> None:
    with silent_server() as silent, ExitStack() as stack:
        alerts = f"""\
receivers: {{here: {{email: {{to: desk@example.org}}, file: outbox}}}}
smtp: {{host: 127.0.0.1, port: {silent.getsockname()[1]}, tls: none, from: monitor@example.org}}
route: {{receiver: here}}
"""
        monitor = Installation(tmp_path / "desk", alerts=alerts)
        app = stack.enter_context(open_app(load_settings(monitor.folder / "monitor.yaml", {})))
        app.claim()
        stop = threading.Event()
        running = threading.Thread(target=app.run, args=(stop, lambda _: None))
        running.start()
        monitor.put("ship.txt", "date 2026-11-19 رست سفينة شحن في ميناء طرطوس صباح اليوم.")
        stack.enter_context(silent.accept()[0])
        monitor.put("crane.txt", "date 2026-11-20 وصلت رافعة جديدة إلى ميناء طرطوس بعد تأخر شهرين.")
        wait_for(monitor.folder / "outbox", 2)
        mails = [told.state for report in app.store.alerts() for told in report.told if told.channel == "email"]
        assert "claimed" in mails, "it still waits for the first word"
        stop.set()
        running.join(STOP_WITHIN.total_seconds() * 2)
        assert not running.is_alive()


def test_a_service_without_a_valid_watchlist_does_not_start(settings: Settings) -> None:
    settings.watchlists.write_text("watchlists: [{name: X, terms: []}]\n", "utf-8")
    with pytest.raises(Problems, match=r"watchlists\.yaml:1:"), open_app(settings):
        pass


def test_what_a_stage_raises_ends_the_service_with_its_own_error(settings: Settings) -> None:
    with open_app(settings) as app:
        app.bus.publish("articles", [Outgoing(key="x", value=b"{}", headers={"record": "article/9"})])
        app.claim()
        with pytest.raises(NewerVersion, match="upgrade monitor"):
            app.run(threading.Event(), lambda _: None)
