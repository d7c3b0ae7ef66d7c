"""The commands that say what was found, who was told, and how the sources are."""

from __future__ import annotations

import typer

from monitor.cli.frame import DEFAULT_CONFIG, ConfigFile, Json, opened_store, print_each, settings_of

commands = typer.Typer()


@commands.command(epilog="Examples:  monitor alerts    monitor alerts --json")
def alerts(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the alerts, newest last, and who was told."""
    from monitor.listing import alert_line, alert_text

    with opened_store(config) as store:
        print_each(store.alerts(), line=alert_line if as_json else alert_text, none="" if as_json else "no alerts yet")


@commands.command(epilog="Examples:  monitor sources    monitor sources --json")
def sources(*, config: ConfigFile = DEFAULT_CONFIG, as_json: Json = False) -> None:
    """List the sources and how they are.

    State, last success, last new article, errors in a row.
    """
    from monitor.listing import source_line, source_text

    names = [source.id for source in settings_of(config).sources]
    with opened_store(config) as store:
        states = [store.source(name) for name in names]
    print_each(
        states, line=source_line if as_json else source_text, none="" if as_json else "no sources are configured"
    )
