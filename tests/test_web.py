"""What a running process answers over HTTP."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.errors import Unavailable
from monitor.web.serving import Measure, serving
from tests.installation import Installation

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable, Mapping
    from pathlib import Path


@dataclass
class Patient:
    """Vitals as a test wants them."""

    loops: dict[str, str] = field(default_factory=lambda: {"poller": "ok"})
    needs: dict[str, str] = field(default_factory=lambda: {"store": "ok"})

    def health(self) -> Mapping[str, str]:
        return self.loops

    def readiness(self) -> Mapping[str, str]:
        return self.needs

    def measures(self) -> Iterable[Measure]:
        yield Measure("monitor_matches", "counter", "Matches.", ("watchlist",), [(('حمص "x"\n',), 3)])
        yield Measure("monitor_watchlists", "gauge", "Watchlists in use.", (), [((), 2)])


def get(port: int, path: str, method: str = "GET") -> tuple[int, str]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - our own server
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_health_and_readiness_are_ok_or_say_what_is_not() -> None:
    patient = Patient()
    with serving(patient, "127.0.0.1", 0) as port:
        assert get(port, "/healthz") == (200, '{"state":"ok","checks":{"poller":"ok"}}')
        assert get(port, "/readyz")[0] == 200
        patient.loops["poller"] = "has not turned for 400 s"
        patient.needs["store"] = "database is locked"
        code, body = get(port, "/healthz")
        assert (code, json.loads(body)["checks"]["poller"]) == (503, "has not turned for 400 s")
        assert get(port, "/readyz")[0] == 503


def test_metrics_are_as_prometheus_reads_them() -> None:
    with serving(Patient(), "127.0.0.1", 0) as port:
        code, body = get(port, "/metrics")
    assert code == 200
    families = {family.name: family for family in text_string_to_metric_families(body)}
    (sample,) = families["monitor_matches"].samples
    assert (sample.name, sample.labels, sample.value) == ("monitor_matches_total", {"watchlist": 'حمص "x"\n'}, 3)
    assert families["monitor_watchlists"].type == "gauge"


@pytest.mark.parametrize(("path", "method", "code"), [("/", "GET", 404), ("/healthz", "POST", 405)])
def test_nothing_else_is_answered(path: str, method: str, code: int) -> None:
    with serving(Patient(), "127.0.0.1", 0) as port:
        assert get(port, path, method)[0] == code


def test_an_address_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with (
            pytest.raises(Unavailable, match=rf"cannot listen on 127\.0\.0\.1:{port}"),
            serving(Patient(), "127.0.0.1", port),
        ):
            pass


# --- The real service ------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port: int = found.getsockname()[1]
        return port


def begun(process: subprocess.Popen[str], words: str) -> None:
    assert process.stdout
    assert any(words in line for line in process.stdout), process.stderr and process.stderr.read()


def test_the_running_service_is_healthy_ready_and_counts(tmp_path: Path) -> None:
    port = free_port()
    desk = Installation(tmp_path / "desk")
    desk.put("ship.txt", "رست سفينة شحن في ميناء طرطوس صباح اليوم.")
    main = (desk.folder / "monitor.yaml").read_text("utf-8")
    desk.write("monitor.yaml", f"{main}web: {{listen: 127.0.0.1:{port}}}\n")
    process = desk.start("run")
    try:
        begun(process, "stands")
        assert json.loads(get(port, "/healthz")[1])["state"] == "ok"
        checks = json.loads(get(port, "/readyz")[1])["checks"]
        assert set(checks.values()) == {"ok"}
        loops = {"group matcher", "group notifier", "poller", "deciding", "delivery: email"}
        assert {"store", "watchlists", *loops} <= checks.keys()
        samples = {
            (sample.name, *sample.labels.values()): sample.value
            for family in text_string_to_metric_families(get(port, "/metrics")[1])
            for sample in family.samples
        }
        assert samples["monitor_matches_total", "tartus"] == 1
        assert samples["monitor_source_articles_total", "inbox"] == 1
        assert samples["monitor_deliveries_total", "terminal", "sent"] == 1
        assert samples["monitor_watchlists",] == 1
        second = desk("notify")
        assert second.returncode == 3
    finally:
        process.terminate()
        process.communicate(timeout=10)
    assert process.returncode == 0


def test_a_service_that_cannot_listen_where_it_is_told_to_does_not_start(tmp_path: Path) -> None:
    desk = Installation(tmp_path / "desk")
    main = (desk.folder / "monitor.yaml").read_text("utf-8")
    with socket.create_server(("127.0.0.1", 0)) as other:
        desk.write("monitor.yaml", f"{main}web: {{listen: 127.0.0.1:{other.getsockname()[1]}}}\n")
        done = desk("poll")
    assert done.returncode == 3
    assert "cannot listen on" in done.stderr
