"""The figures of a benchmark as a graph, both axes logarithmic: SVG that is readable on light and on dark ground."""

from __future__ import annotations

from math import ceil, floor, log10
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 720, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 190, 50, 50
COLOURS: Final = ("#0072b2", "#d55e00", "#009e73", "#767676", "#cc79a7")


def draw(title: str, across: Sequence[float], lines: Mapping[str, Sequence[float]], *, x: str, y: str) -> str:
    """Draw lines over common places ``across``; ``x`` and ``y`` say what the axes count."""
    values = [value for line in lines.values() for value in line]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    left, right = log10(across[0]), log10(across[-1])

    def at(place: float, value: float) -> tuple[float, float]:
        along = (log10(place) - left) / (right - left)
        up = (log10(value) - low) / (high - low)
        return LEFT + along * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}">',
        '<g font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{title}</text>',
        f'<text x="{LEFT}" y="{TOP - 8}" fill="#57606a">{y}</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 10}" text-anchor="end" fill="#57606a">{x}</text>',
    ]
    for power in range(low, high + 1):
        (begin, height), (end, _) = at(across[0], 10**power), at(across[-1], 10**power)
        parts += [
            f'<path d="M{begin:.0f} {height:.1f}H{end:.0f}" stroke="#d0d7de"/>',
            f'<text x="{LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{10**power:,}</text>',
        ]
    parts += [
        f'<text x="{at(place, 10**low)[0]:.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{place:,}</text>'
        for place in across
    ]
    for colour, (name, line) in zip(COLOURS, lines.items(), strict=False):
        points = [at(place, value) for place, value in zip(across, line, strict=True)]
        route = " ".join(f"{one:.1f},{other:.1f}" for one, other in points)
        parts += [
            f'<polyline points="{route}" fill="none" stroke="{colour}" stroke-width="2"/>',
            *(f'<circle cx="{one:.1f}" cy="{other:.1f}" r="3" fill="{colour}"/>' for one, other in points),
            f'<text x="{points[-1][0] + 10:.0f}" y="{points[-1][1] + 4:.1f}" fill="{colour}">{name}</text>',
        ]
    return "\n".join([*parts, "</g></svg>", ""])
