"""Run a function over hostile input in a process of its own that can be killed.

Parsers of markup are quadratic in places that no byte limit covers (200,000 attributes on one element keep every HTML
parser busy for minutes, measured), and a thread cannot be stopped. So parsing happens in child processes: started when
first needed, reused, replaced when they exceed their deadline or die. A child has a limit of memory and of processor
time, does not hear the terminal's Ctrl-C, and ends when its parent does, however that ends.

Hides the processes and their protocol (pickles over a socket pair, both ends are this program). Does not know what it
runs: any importable function with arguments and a result that can be pickled.
"""

from __future__ import annotations

import logging
import math
import os
import pickle
import resource
import select
import signal
import subprocess
import sys
import threading
import traceback
import warnings
from concurrent.futures import CancelledError
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final, TypeVar

import structlog

from monitor.errors import ParseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

T = TypeVar("T")
MEMORY: Final = 2 << 30
"""Address space of a child, in bytes. The libraries alone map some hundred megabytes of it."""

_GRACE: Final = 5.0
"""Seconds that a child has beyond its deadline to end itself."""

log = structlog.get_logger(__name__)


class Workers:
    """At most ``count`` child processes, shared by all threads."""

    def __init__(self, count: int = 2, *, memory: int = MEMORY) -> None:
        self._memory = memory
        self._free = threading.BoundedSemaphore(count)
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._closed = False

    def run(self, function: Callable[..., T], *args: object, deadline: timedelta) -> T:
        """Call ``function(*args)`` in a child and return its result. The deadline runs from when a child is free.

        Raises:
            ParseError: the function failed, took longer than ``deadline``, or its process died.
            CancelledError: the workers were closed meanwhile.
        """
        with self._free:
            child = self._take()
            result = child.call(function, args, deadline)
            self._put(child)
        if self._closed and result.broken:
            raise CancelledError
        if result.trace:
            log.warning("worker failed", function=function.__qualname__, trace=result.trace)
        if result.error is not None:
            raise result.error
        value: T = result.value
        return value

    def close(self) -> None:
        """Kill every child, the busy ones too. Closing twice is harmless."""
        with self._lock:
            self._closed = True
            children = list(self._all)
        for child in children:
            child.kill()
        with self._lock:
            idle, self._idle = self._idle, []
        for child in idle:
            self._drop(child)

    def _take(self) -> _Child:
        with self._lock:
            if self._closed:
                raise CancelledError
            if self._idle:
                return self._idle.pop()
            child = _Child(self._memory)
            self._all.add(child)
            return child

    def _put(self, child: _Child) -> None:
        with self._lock:
            if child.usable and not self._closed:
                self._idle.append(child)
                return
        self._drop(child)

    def _drop(self, child: _Child) -> None:
        with self._lock:
            self._all.discard(child)
        child.bury()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Result:
    """What came back: a value or an error; ``broken`` when the process is gone, ``trace`` when it was no ParseError."""

    value: Any = None
    error: ParseError | None = None
    trace: str | None = None
    broken: bool = False


class _Child:
    """One process. Called and buried by the thread that took it, killed by any."""

    def __init__(self, memory: int) -> None:
        ours, theirs = Pipe()
        self._pipe = ours
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            [sys.executable, "-c", _MAIN, str(theirs.fileno()), str(memory), *sys.path],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C goes to the terminal's whole process group; here the parent decides
        )
        theirs.close()
        self.usable = True

    def call(self, function: Callable[..., object], args: tuple[object, ...], deadline: timedelta) -> _Result:
        seconds, is_late = deadline.total_seconds(), False
        try:
            self._pipe.send((function, args, seconds))
            is_late = not self._pipe.poll(seconds + _GRACE)
            if is_late:
                self.kill()  # its own alarm does not ring while somebody has stopped it
            answer: tuple[_Result, bool] = self._pipe.recv()
            result, self.usable = answer
        except (EOFError, OSError):
            self.usable = False
            reason = f"took longer than {seconds:g} s" if is_late else self._death(seconds)
            result = _Result(error=ParseError(reason, retryable=False), broken=True)
        return result

    def kill(self) -> None:
        self._process.kill()

    def bury(self) -> None:
        self.kill()
        self._process.wait()
        self._pipe.close()

    def _death(self, seconds: float) -> str:
        code = self._process.wait()
        if code == -signal.SIGALRM:
            return f"took longer than {seconds:g} s"
        return f"its process died of signal {-code}" if code < 0 else f"its process ended with status {code}"


# --- In the child ----------------------------------------------------------------------------------------------------

_MAIN: Final = """
import sys
sys.path[:] = sys.argv[3:]
from monitor.worker import serve
serve(int(sys.argv[1]), int(sys.argv[2]))
"""


def serve(handle: int, memory: int) -> None:
    """Answer calls over the socket ``handle`` until its other end is closed. This is a child's whole life."""
    logging.disable()
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, args=[handle], daemon=True).start()
    pipe: Connection[Any, Any] = Connection(handle)
    while True:
        try:
            function, args, seconds = pipe.recv()
        except (EOFError, OSError):
            return
        _allow_processor(math.ceil(seconds))
        # An alarm that nobody hears ends the process, wherever it is; a timer in the parent is a thread for each call.
        signal.setitimer(signal.ITIMER_REAL, seconds)
        answer = _answer(function, args)
        signal.setitimer(signal.ITIMER_REAL, 0)
        pipe.send_bytes(answer)


def _end_with_parent(handle: int) -> None:
    hang_up = select.poll()
    hang_up.register(handle, select.POLLHUP)
    hang_up.poll()
    os._exit(0)


def _allow_processor(seconds: int) -> None:
    """Allow ``seconds`` of processor time from now. A backstop: it also holds when the parent is gone or stopped."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime) + seconds + 1
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _answer(function: Callable[..., object], args: tuple[object, ...]) -> bytes:
    """Call, and pickle the result and whether this process is fit for another call."""
    fit = True
    try:
        result = _Result(value=function(*args))
    except ParseError as error:
        result = _Result(error=error)
    except MemoryError:
        result = _Result(error=ParseError("needs too much memory", retryable=False))
        fit = False
    except Exception as error:  # noqa: BLE001 - whatever a parser raises over hostile input, the caller meets one kind
        reason = f"{type(error).__name__}: {error}"[:300]
        result = _Result(error=ParseError(reason, retryable=False), trace=traceback.format_exc(limit=-5))
    return pickle.dumps((result, fit))
