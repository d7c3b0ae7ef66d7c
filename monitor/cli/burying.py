"""The commands on dead letters: list, show, retry, drop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, opened_store, print_each, say, settings_of

if TYPE_CHECKING:
    from monitor.ports import FiledLetter
    from monitor.store.sql import SqlStore

dead = typer.Typer(no_args_is_help=True)


@dead.command("list", epilog="Example:  monitor dead list --json")
def deadprint_each(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the dead letters that are kept."""
    from monitor.listing import dead_line, dead_text

    with opened_store(config) as store:
        kept = [letter for letter in store.dead_letters() if letter.state == "kept"]
    print_each(kept, line=dead_line if as_json else dead_text, none="" if as_json else "no dead letters")


Number = Annotated[int, typer.Argument(help="The number that `monitor dead list` shows.")]


@dead.command("show", epilog="Example:  monitor dead show 3")
def dead_show(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Show one dead letter whole: where it stood, its error, its bytes."""
    from monitor.listing import dead_whole

    with opened_store(config) as store:
        typer.echo(dead_whole(_letter(store, number)))


@dead.command("retry", epilog="Example:  monitor dead retry 3")
def dead_retry(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Put a dead letter back on the topic that it came from."""
    from monitor.bus import open_bus
    from monitor.ports import Outgoing

    settings = settings_of(config)
    with opened_store(config) as store:
        letter = _letter(store, number).letter
        bus = open_bus(settings.bus)
        try:
            bus.publish(letter.topic, [Outgoing(key=letter.key, value=letter.value, headers=letter.headers)])
        finally:
            bus.close()
        store.mark_dead(number, "retried")
    say(f"dead letter {number} is on {letter.topic!r} again")


@dead.command("drop", epilog="Example:  monitor dead drop 3")
def dead_drop(number: Number, *, config: ConfigFile = DEFAULT_CONFIG) -> None:
    """Give a dead letter up; it is not listed any more."""
    with opened_store(config) as store:
        _letter(store, number)
        store.mark_dead(number, "dropped")
    say(f"dead letter {number} is dropped")


def _letter(store: SqlStore, number: int) -> FiledLetter:
    letter = store.dead_letter(number)
    if letter is None or letter.state != "kept":
        raise typer.BadParameter(f"no dead letter {number} is kept; see `monitor dead list`")
    return letter
