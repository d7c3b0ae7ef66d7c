import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor
from datetime import timedelta

import pytest

from monitor.ingest.turns import AT_ONCE, HostBusyError, Turns

GAP = timedelta(seconds=0.2)
NONE = timedelta(0)


def test_requests_to_a_host_keep_their_distance_and_others_do_not_wait() -> None:
    turns = Turns(GAP)
    with turns.turn("example.org") as first, turns.turn("example.com") as other:
        assert first < GAP.total_seconds() > other
    with turns.turn("example.org") as waited:
        assert waited > 0.1


def test_a_host_can_ask_for_a_greater_distance_and_for_no_smaller_one() -> None:
    turns = Turns(GAP, patience=timedelta(seconds=0.5))
    turns.slow_down("slow.example.org", timedelta(hours=1))
    turns.slow_down("fast.example.org", NONE)
    for host in ("slow.example.org", "fast.example.org"):
        with turns.turn(host):
            pass
    with turns.turn("fast.example.org") as waited:
        assert waited > 0.1
    with pytest.raises(HostBusyError), turns.turn("slow.example.org"):
        pass


def test_few_ask_a_host_at_once() -> None:
    turns, lock = Turns(NONE), threading.Lock()
    together = threading.Barrier(AT_ONCE)
    inside: set[int] = set()
    counts = []

    def ask(number: int) -> None:
        with turns.turn("example.org"):
            with lock:
                inside.add(number)
                counts.append(len(inside))
            together.wait(10)
            with lock:
                inside.remove(number)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(ask, range(8)))
    assert max(counts) == AT_ONCE


def test_a_turn_that_does_not_come_is_given_up_and_the_next_waits_on() -> None:
    turns = Turns(NONE, patience=timedelta(seconds=0.1))
    with turns.turn("example.org"), turns.turn("example.org"):
        for _ in range(2):
            with pytest.raises(HostBusyError, match="its host is busy"), turns.turn("example.org"):
                pass
    with turns.turn("example.org"):
        pass


def test_closing_sends_everyone_away() -> None:
    turns = Turns(timedelta(hours=1))
    with turns.turn("example.org"):
        pass

    def ask() -> None:
        with turns.turn("example.org"):
            pass

    with ThreadPoolExecutor(3) as threads:
        waiting = [threads.submit(ask) for _ in range(3)]
        turns.close()
        for one in waiting:
            with pytest.raises(CancelledError):
                one.result(timeout=10)
