"""Block Kit as Slack shows it: a page that lays our blocks out with its sizes, colours and directions.

Slack gives each block and each line of a list ``dir="auto"`` and takes text as it is; so does this. Measured by eye
against its web client; whatever is not among our blocks is an error.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from datetime import tzinfo

    from monitor.model import Message

_STYLE: Final = """
body { margin: 0; background: #fff; color: #1d1c1d; font: 15px/1.46668 "Noto Sans", "Noto Sans Arabic", sans-serif }
.message { display: flex; gap: 8px; padding: 12px 16px }
.icon { flex: none; width: 36px; height: 36px; border-radius: 8px; background: #1c3d5a; color: #fff; font-weight: 900;
  line-height: 36px; text-align: center }
.body { flex: 1; min-width: 0; overflow-wrap: anywhere }
.sender { font-weight: 900 }
.app { margin: 0 4px; padding: 1px 3px; border-radius: 2px; background: #dddddd; color: #616061; font-size: 10px;
  font-weight: 700 }
.when { color: #616061; font-size: 12px }
.block { margin: 4px 0; white-space: pre-wrap }
.quote { margin: 4px 0; padding-inline-start: 12px; border-inline-start: 4px solid #dddddd }
ul { margin: 0; padding-inline-start: 28px; list-style: disc }
.context { color: #616061; font-size: 13px }
a { color: #1264a3; text-decoration: none }
.reply { margin-inline-start: 44px; border-inline-start: 2px solid #dddddd }
.reply .icon { width: 24px; height: 24px; line-height: 24px; font-size: 12px }
"""


def page(zone: tzinfo, *messages: Message) -> str:
    """Write the first message, and the others as replies in its thread, as somebody in ``zone`` sees them."""
    shown = "".join(_message(message, zone, reply=number > 0) for number, message in enumerate(messages))
    return f'<!DOCTYPE html><html lang="en"><meta charset="utf-8"><style>{_STYLE}</style><body>{shown}</body></html>'


def _message(message: Message, zone: tzinfo, *, reply: bool) -> str:
    when = f'<span class="when">{message.date.astimezone(zone):%H:%M}</span>'
    head = f'<span class="sender">monitor</span> <span class="app">APP</span> {when}'
    body = "".join(map(_block, message.blocks))
    kind = "message reply" if reply else "message"
    return f'<div class="{kind}"><div class="icon">m</div><div class="body"><div>{head}</div>{body}</div></div>'


def _block(block: dict[str, Any]) -> str:
    if block["type"] == "context":
        texts = "".join(escape(element["text"]) for element in block["elements"])
        return f'<div class="block context" dir="auto">{texts}</div>'
    assert block["type"] == "rich_text", block["type"]
    return f'<div class="block" dir="auto">{"".join(map(_rich, block["elements"]))}</div>'


def _rich(element: dict[str, Any]) -> str:
    inner = element["elements"]
    match element["type"]:
        case "rich_text_section":
            return f"<div>{''.join(map(_inline, inner))}</div>"
        case "rich_text_quote":
            return f'<div class="quote" dir="auto">{"".join(map(_inline, inner))}</div>'
        case "rich_text_list":
            lines = (f'<li dir="auto">{"".join(map(_inline, section["elements"]))}</li>' for section in inner)
            return f"<ul>{''.join(lines)}</ul>"
        case kind:
            raise AssertionError(kind)


def _inline(element: dict[str, Any]) -> str:
    shown = escape(element["text"])
    for style, tag in (("bold", "b"), ("strike", "s")):
        if element.get("style", {}).get(style):
            shown = f"<{tag}>{shown}</{tag}>"
    return f'<a href="{escape(element["url"])}">{shown}</a>' if element["type"] == "link" else shown
