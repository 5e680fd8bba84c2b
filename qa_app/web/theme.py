"""How the page looks: Gradio's theme without web fonts; the look itself is in static/desk.css."""

from __future__ import annotations

from pathlib import Path

import gradio as gr

STATIC = Path(__file__).parent / "static"
FAVICON = STATIC / "favicon.svg"
# Fonts that computers already have; nothing is fetched.
_SANS = (
    "Inter",
    "Segoe UI",
    "Helvetica Neue",
    "Noto Sans",
    "Liberation Sans",
    "Arial",
    "sans-serif",
)
_MONO = ("Cascadia Mono", "SF Mono", "Menlo", "Noto Sans Mono", "DejaVu Sans Mono", "monospace")


def make_theme() -> gr.themes.Base:
    """Return Gradio's plainest theme in fonts that are already there."""
    return gr.themes.Base(
        primary_hue=gr.themes.colors.slate,
        neutral_hue=gr.themes.colors.slate,
        font=[gr.themes.Font(name) for name in _SANS],
        font_mono=[gr.themes.Font(name) for name in _MONO],
    )
