"""An end to calls that have none of their own.

A library's time-out bounds each wait for a byte, so a server that sends one now and then holds its caller for ever.
Hides the thread that such a call is made in. A call that was left goes on unheard: nothing ends a thread from outside.
"""

from __future__ import annotations

from concurrent.futures import Future
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

T = TypeVar("T")


def within(limit: timedelta, call: Callable[[], T]) -> T:
    """Return what a call returns, if it does so in time.

    Raises:
        TimeoutError: it did not; what the call itself raises likewise passes.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:  # noqa: BLE001 - it is raised where the call is waited for
            future.set_exception(error)

    Thread(target=run, name="bounded call", daemon=True).start()
    return future.result(limit.total_seconds())
