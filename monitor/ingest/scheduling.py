"""When each source has its turn: one APScheduler date job a source, its end places the next.

The schedule is what the store says (`SourceState.next_due`); nothing is kept here over a restart, and an interval
trigger, which first fires after a whole interval, would starve slow sources when restarts are frequent. Sources of one
host take turns: a host that answers slowly, or has hundreds of feeds, delays its own sources only, and no thread waits.

Hides APScheduler and its threads. Does not know what a turn is.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict, deque
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from apscheduler.events import EVENT_SCHEDULER_STARTED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers import SchedulerNotRunningError
from apscheduler.schedulers.blocking import BlockingScheduler

if TYPE_CHECKING:
    from collections.abc import Callable

    from monitor.settings import Source

THREADS: Final = 64
"""Threads that poll. They wait more than they work: a slow server holds one for 30 s, which no other may notice."""
AT_ONCE: Final = 2
"""Sources of one host that are polled at a time."""

logging.getLogger("apscheduler").setLevel(logging.WARNING)  # it writes a line for every job


class Schedule:
    """Gives each source its turn when it is due. A turn returns when the next is, or None to lose the place.

    A turn that raises ends in ``failures``, and so does a schedule that stops by itself.
    """

    def __init__(self, turn: Callable[[Source], datetime | None], host: Callable[[Source], str | None]) -> None:
        self.failures: list[BaseException] = []
        self._turn, self._host = turn, host
        self._lock = threading.Lock()
        self._is_over = False
        self._placed: dict[str, Source] = {}
        self._running: Counter[str] = Counter()
        self._queues: dict[str, deque[Source]] = defaultdict(deque)
        # A turn places the next before it ends, so that there may be two of a job.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": THREADS}
        self._scheduler = BlockingScheduler(
            executors={"default": ThreadPoolExecutor(THREADS)}, job_defaults=defaults, timezone=UTC
        )
        started = threading.Event()
        self._scheduler.add_listener(lambda _: started.set(), EVENT_SCHEDULER_STARTED)
        self._thread = threading.Thread(target=self._serve, name="schedule", daemon=True)
        self._thread.start()
        started.wait()

    def __contains__(self, source: str) -> bool:
        """Tell whether a source of this id has a place."""
        return source in self._placed

    def add(self, source: Source, at: datetime) -> None:
        """Give a source a place."""
        with self._lock:
            # Ending, APScheduler holds its own lock until all jobs have ended: none may add another by then.
            if not self._is_over:
                self._placed[source.id] = source
                self._scheduler.add_job(
                    self._run, "date", run_date=at, args=[source], id=source.id, replace_existing=True
                )

    def placed(self) -> list[Source]:
        """List the sources that have a place."""
        return list(self._placed.values())

    def drop(self, source: str) -> None:
        """Take a place away; one that has its turn, or stands in its host's queue, keeps it until that ends."""
        with suppress(JobLookupError):
            self._scheduler.remove_job(source)
            self._placed.pop(source, None)

    def end(self) -> None:
        """Wait for the turns that are under way."""
        with self._lock:
            self._is_over = True
        # Shutting down while jobs are handed out, APScheduler 3 does not find the job that it has just handed out.
        self._scheduler.remove_all_jobs()
        with suppress(SchedulerNotRunningError):
            self._scheduler.shutdown()
        self._thread.join()

    def _serve(self) -> None:
        """Run the scheduler in a thread of our own: when its own ends, nobody hears of it."""
        try:
            self._scheduler.start()
        except BaseException as error:  # noqa: BLE001 - as of a turn
            self.failures.append(error)
        if not self._is_over:
            self.failures.append(RuntimeError("the schedule has stopped"))

    def _run(self, source: Source) -> None:
        host = self._host(source)
        if host is not None and not self._enter(host, source):
            return
        due = None
        try:
            due = self._turn(source)
        except BaseException as error:  # noqa: BLE001 - whatever ends a turn ends the poller, with its own error
            self.failures.append(error)
        finally:
            if host is not None:
                self._leave(host)
            if due is not None and self._placed.get(source.id) is source:
                self.add(source, due)
            else:
                self._placed.pop(source.id, None)

    def _enter(self, host: str, source: Source) -> bool:
        with self._lock:
            if self._running[host] >= AT_ONCE:
                self._queues[host].append(source)
                return False
            self._running[host] += 1
            return True

    def _leave(self, host: str) -> None:
        """Let the next of the host's queue have its turn, in a thread of its own."""
        with self._lock:
            self._running[host] -= 1
            queue = self._queues[host]
            following = queue.popleft() if queue else None
            if not queue:
                del self._queues[host]
            if not self._running[host]:
                del self._running[host]
        if following:
            self.add(following, datetime.now(UTC))
