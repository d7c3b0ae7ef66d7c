"""Routes that ask for what no alert has are warned of, with their place and the name that was meant."""

from pathlib import Path

import pytest

from monitor.alerting.linting import check_routes
from monitor.documents import load_document
from monitor.settings import Route
from tests.samples import watchlist

WATCHLISTS = [
    watchlist("tartus", owner="coast", labels={"desk": "levant"}),
    watchlist("hmeimim", labels={"desk": "air"}),
]


def warned(tmp_path: Path, match: str) -> list[str]:
    file = tmp_path / "alerts.yaml"
    file.write_text(f"route:\n  receiver: desk\n  routes:\n    - match: {{{match}}}\n      receiver: night\n", "utf-8")
    document = load_document(file)
    tree = Route.model_validate({"receiver": "desk", "routes": document.data["route"]["routes"]})  # type: ignore[index,call-overload]
    return [f"{one.line}: {one.message}" for one in check_routes(document, tree, WATCHLISTS, ["agency"])]


@pytest.mark.parametrize(
    ("match", "message"),
    [
        (
            "watchlist: [tartus, tartous]",
            "no watchlist is called 'tartous', so nothing comes here for it; did you mean 'tartus'?",
        ),
        ("source: agence", "no source is called 'agence', so nothing comes here for it; did you mean 'agency'?"),
        ("owner: port", "no watchlist belongs to 'port', so nothing comes here for it; known here: coast"),
        (
            "labels: {desk: sea}",
            "no watchlist has the label desk 'sea', so nothing comes here for it; known here: air, levant",
        ),
        ("labels: {shift: night}", "no watchlist has the label shift 'night', so nothing comes here for it"),
    ],
)
def test_a_name_that_nothing_has_is_warned_of(tmp_path: Path, match: str, message: str) -> None:
    assert warned(tmp_path, match) == [f"4: {message}"]


def test_names_that_are_there_and_keys_that_anything_may_have_are_not(tmp_path: Path) -> None:
    match = "watchlist: tartus, owner: coast, source: agency, lang: ar, severity: high, labels: {desk: [levant, air]}"
    assert warned(tmp_path, match) == []
