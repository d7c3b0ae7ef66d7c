"""Pure functions run where they can be killed: processes with a deadline and limits, replaced when they die.

A hostile document can keep a parser busy for ever or eat all memory, and a thread cannot be stopped (measured: 200,000
attributes on one element hang every HTML parser). Hides processes, pipes and limits. Only for functions of a module
whose arguments and results can be pickled.
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

from monitor.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta
    from multiprocessing.connection import Connection
    from multiprocessing.context import ForkServerProcess

P = ParamSpec("P")
T = TypeVar("T")

MEMORY: Final = 1 << 30
"""Bytes of address space a worker may have."""

_processes: Final = multiprocessing.get_context("forkserver")


class Workers:
    """Worker processes, started when first needed and kept for the next call. Safe to use from many threads."""

    def __init__(self) -> None:
        self._idle: list[_Worker] = []
        self._guard = threading.Lock()
        self._closed = False

    def run(self, deadline: timedelta, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call ``function`` in a worker, for at most ``deadline`` of wall time.

        Raises:
            ParseError: it took too long, died, or raised; the worker is replaced in the first two cases.
        """
        worker = self._take()
        try:
            result = worker.call(deadline, function, args, kwargs)
        except _WorkerLostError as lost:
            worker.kill()
            raise ParseError(str(lost), retryable=False) from None
        self._give_back(worker)
        if isinstance(result, _Raised):
            raise ParseError(result.error, retryable=False)
        value: T = result
        return value

    def close(self) -> None:
        """Kill the idle workers; those at work are killed when they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.kill()

    def _take(self) -> _Worker:
        with self._guard:
            if self._idle:
                return self._idle.pop()
        return _Worker()

    def _give_back(self, worker: _Worker) -> None:
        with self._guard:
            if not self._closed:
                self._idle.append(worker)
                return
        worker.kill()


class _WorkerLostError(Exception):
    """The worker did not answer in time, or died."""


class _Raised:
    """What a function raised, as text: exceptions of third parties do not always survive a pipe."""

    def __init__(self, error: BaseException) -> None:
        self.error = f"{type(error).__name__}: {error}"


class _Worker:
    def __init__(self) -> None:
        self._pipe, theirs = _processes.Pipe()
        self._process: ForkServerProcess = _processes.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()

    def call(self, deadline: timedelta, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:  # noqa: ANN401 - carries any call
        seconds = deadline.total_seconds()
        try:
            self._pipe.send((seconds, function, args, kwargs))
            if not self._pipe.poll(seconds):
                raise _WorkerLostError(f"took longer than {seconds:g} s; the document was given up")
            return self._pipe.recv()
        except (EOFError, OSError):
            raise _WorkerLostError("the parser died on this document (out of memory or a crash)") from None

    def kill(self) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()


def _serve(pipe: Connection) -> None:
    """Answer calls until the parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which stops us in order
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    while True:
        try:
            seconds, function, args, kwargs = pipe.recv()
        except EOFError:
            return
        _limit_processor(seconds)
        try:
            result = function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever a document provokes is its parser's answer
            result = _Raised(error)
        pipe.send(result)


def _limit_processor(seconds: float) -> None:
    # The parent kills at the deadline; this holds when the parent is gone.
    used = resource.getrusage(resource.RUSAGE_SELF)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime + seconds) + 2, resource.RLIM_INFINITY))
