"""How things show themselves in notebooks: a short table, and a small figure beside it."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

#: What is said of one thing is cut here.
LONGEST = 300


def table(title: str, rows: Iterable[tuple[str, object]], after: str = "", png: bytes | None = None) -> str:
    """A table of `rows` (name, what is said of it) under a `title`, as HTML, with a text `after` it and an image below it."""
    cells = "".join(
        f'<tr><th style="text-align:left;font-weight:normal">{_safe(name)}</th>'
        f'<td style="text-align:left">{_safe(value)}</td></tr>'
        for name, value in rows
    )
    parts = [f"<strong>{_safe(title)}</strong><table>{cells}</table>"]
    if after:
        parts.append(f'<p style="max-width:60em">{_safe(after, most=2000)}</p>')
    if png is not None:
        picture = base64.b64encode(png).decode()
        parts.append(f'<img alt="{_safe(title)}" src="data:image/png;base64,{picture}" style="max-width:100%"/>')
    return f"<div>{''.join(parts)}</div>"


def _safe(value: object, most: int = LONGEST) -> str:
    """A text that HTML takes as it is, cut where it is too long."""
    text = f"{value:.8g}" if isinstance(value, float) else str(value)
    return html.escape(text if len(text) <= most else f"{text[:most]}…")
