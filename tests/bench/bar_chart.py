# SPDX-License-Identifier: Apache-2.0
"""Draws seconds as bars, for the README."""
import html

BAR, GAP, LEFT, WIDTH = 22, 10, 190, 720


def bar_chart(title: str, bars: list, ours: str) -> str:
    """An SVG of (name, seconds) pairs; the bar named `ours` stands out."""
    height = 50 + len(bars) * (BAR + GAP)
    scale = (WIDTH - LEFT - 80) / max(seconds for _, seconds in bars)
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             'font-family="sans-serif" font-size="14">',
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
             f'<text x="10" y="25" font-weight="bold">{html.escape(title)}</text>']
    for number, (name, seconds) in enumerate(bars):
        top = 42 + number * (BAR + GAP)
        width = seconds * scale
        colour = "#1f77b4" if name == ours else "#b0b0b0"
        lines += [f'<text x="{LEFT - 8}" y="{top + 16}" text-anchor="end">{html.escape(name)}</text>',
                  f'<rect x="{LEFT}" y="{top}" width="{width:.0f}" height="{BAR}" fill="{colour}"/>',
                  f'<text x="{LEFT + width + 6:.0f}" y="{top + 16}">{seconds:.1f} s</text>']
    return "\n".join(lines + ["</svg>"]) + "\n"
