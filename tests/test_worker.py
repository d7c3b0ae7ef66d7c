import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.errors import ParseError
from monitor.worker import Workers

PATIENT = timedelta(seconds=30)


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(2)
    yield made
    made.close()


def eat(amount: int) -> int:
    return len(bytearray(amount))


def refuse(reason: str) -> None:
    raise ParseError(reason, retryable=True, retry_after=timedelta(seconds=5))


def ignores_interrupts() -> bool:
    return os.getpgid(0) == os.getpid() and os.getsid(0) == os.getpid()


def busy_for_ever(note: str) -> None:
    Path(note).write_text(str(os.getpid()))
    while True:
        pass


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until(condition: object, within: float = 20) -> None:
    end = time.monotonic() + within
    pause = threading.Event()
    while not condition():  # type: ignore[operator] # a plain callable
        assert time.monotonic() < end, "it did not happen in time"
        pause.wait(0.02)


def test_a_function_runs_in_another_process_and_its_result_comes_back(workers: Workers) -> None:
    assert workers.run(sorted, [3, 1, 2], deadline=PATIENT) == [1, 2, 3]
    assert workers.run(os.getpid, deadline=PATIENT) != os.getpid()


def test_a_process_is_used_again(workers: Workers) -> None:
    assert workers.run(os.getpid, deadline=PATIENT) == workers.run(os.getpid, deadline=PATIENT)


def test_megabytes_go_in_and_come_back(workers: Workers) -> None:
    data = os.urandom(10_000_000)
    assert workers.run(bytes, data, deadline=PATIENT) == data


def test_a_parse_error_comes_back_as_it_was_raised(workers: Workers) -> None:
    with pytest.raises(ParseError, match="no feed") as caught:
        workers.run(refuse, "no feed", deadline=PATIENT)
    assert caught.value.retryable
    assert caught.value.retry_after == timedelta(seconds=5)


def test_any_other_exception_becomes_a_parse_error_and_the_process_stays(workers: Workers) -> None:
    before = workers.run(os.getpid, deadline=PATIENT)
    with pytest.raises(ParseError, match="ValueError: invalid literal"):
        workers.run(int, "x", deadline=PATIENT)
    assert workers.run(os.getpid, deadline=PATIENT) == before


def test_what_takes_too_long_is_killed_and_the_next_call_works(workers: Workers) -> None:
    before = workers.run(os.getpid, deadline=PATIENT)
    started = time.monotonic()
    with pytest.raises(ParseError, match=r"took longer than 0\.3 s") as caught:
        workers.run(time.sleep, 60, deadline=timedelta(seconds=0.3))
    assert time.monotonic() - started < 5
    assert not caught.value.retryable
    assert not is_alive(before)
    assert workers.run(os.getpid, deadline=PATIENT) != before


def test_a_process_that_dies_fails_only_its_own_call(workers: Workers) -> None:
    with pytest.raises(ParseError, match="died of signal 6"):
        workers.run(os.abort, deadline=PATIENT)
    with pytest.raises(ParseError, match="ended with status 7"):
        workers.run(os._exit, 7, deadline=PATIENT)
    assert workers.run(len, "abc", deadline=PATIENT) == 3


def test_memory_is_limited(workers: Workers) -> None:
    with pytest.raises(ParseError, match="too much memory"):
        workers.run(eat, 4 << 30, deadline=PATIENT)
    assert workers.run(eat, 1000, deadline=PATIENT) == 1000


def test_the_terminals_interrupt_does_not_reach_a_process(workers: Workers) -> None:
    assert workers.run(ignores_interrupts, deadline=PATIENT)


def test_many_threads_share_few_processes(workers: Workers) -> None:
    def call(_: int) -> int:
        return workers.run(os.getpid, deadline=PATIENT)

    with ThreadPoolExecutor(8) as threads:
        processes = set(threads.map(call, range(40)))
    assert 1 <= len(processes) <= 2


def test_closing_kills_the_busy_too_and_their_callers_are_told(workers: Workers, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(workers.run, busy_for_ever, str(note), deadline=PATIENT)
        wait_until(lambda: note.exists() and note.read_text())
        workers.close()
        with pytest.raises(CancelledError):
            waiting.result(timeout=10)
    assert not is_alive(int(note.read_text()))
    workers.close()
    with pytest.raises(CancelledError):
        workers.run(len, "abc", deadline=PATIENT)


def test_a_process_ends_with_its_parent_even_if_that_is_killed_and_it_is_busy(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = (
        "import datetime, monitor.worker, tests.test_worker as t\n"
        f"monitor.worker.Workers().run(t.busy_for_ever, {str(note)!r}, deadline=datetime.timedelta(minutes=5))"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[1])
    try:
        wait_until(lambda: note.exists() and note.read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until(lambda: not is_alive(int(note.read_text())))
