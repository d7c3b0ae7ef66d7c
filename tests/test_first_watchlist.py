"""The guide for newcomers, followed word for word with the real command."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.newcomer import OWN_ALERT, follow, missing, steps


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder beside which the guide makes its desk, as if the project had been cloned there."""
    clone = tmp_path_factory.mktemp("newcomer") / "monitor"
    clone.mkdir()
    return clone


def test_the_first_watchlist_guide_does_what_it_says(home: Path) -> None:
    guide = steps()[1:]  # the first step installs; `make newcomer` takes that one too
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = follow(guide, home, path)
    assert [missing(done) for done in run] == [[]] * len(guide), run[-1].printed
    assert any(OWN_ALERT in done.printed for done in run)
