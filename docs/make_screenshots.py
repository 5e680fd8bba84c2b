"""Takes the screenshots of README and docs: ``make screenshots``.

Builds an index of ``corpus/`` in a temporary folder, serves it, and photographs the page in
Chromium. Needs the development packages and Debian's ``chromium``.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from qa_app import build_index

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.web_serving import serving  # noqa: E402  (the tests' way to run the server)

IMAGES = ROOT / "docs" / "images"
ANSWERED = "?q=which+forces+improved+data-sharing?"
FRAMEWORK = (
    "Which forces improved data-sharing?",
    "Which forces have violence reduction partnerships?",
    "Which forces changed how their boards are governed?",
    "Which forces cover large rural areas?",
)
NOT_FOUND = "?q=what+was+the+budget+for+police+horses?"


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: its name, the address, the window, and what is done before it is taken.

    Attributes:
        opens: the first quote is opened.
        pins: quotes of the answer that are pinned to the brief before the address is opened.
        asks: questions of a grid, the first strong cell of which is opened.
    """

    name: str
    search: str
    width: int = 1280
    height: int = 800
    dark: bool = False
    opens: bool = False
    pins: int = 0
    asks: tuple[str, ...] = ()


SHOTS = (
    Shot("home", ""),
    Shot("answer", ANSWERED, opens=True),
    Shot("answer-dark", ANSWERED, opens=True, dark=True),
    Shot("answer-wide", ANSWERED, width=1600, height=900, opens=True),
    Shot("not-found", NOT_FOUND),
    Shot("sources", "?show=sources"),
    Shot("topics", "?show=topics"),
    Shot("grid", "?show=grid", height=860, asks=FRAMEWORK),
    Shot("phone", ANSWERED, width=400, height=860),
    Shot("phone-dark", ANSWERED, width=400, height=860, dark=True),
    Shot("phone-source", ANSWERED, width=400, height=860, opens=True),
    Shot("brief", "?show=brief", pins=2),  # last, since the header counts what is pinned
)


def main() -> None:
    """Take every picture."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        build_index(ROOT / "corpus", Path(folder) / "index")
        with (
            serving(Path(folder) / "index", ROOT / "corpus") as url,
            sync_playwright() as playwright,
        ):
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for shot in SHOTS:
                _take(browser, url, shot)
            browser.close()


def _take(browser: Browser, url: str, shot: Shot) -> None:
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme="dark" if shot.dark else "light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(180_000)  # the first question waits for the model
    if shot.pins:
        _pin(page, url, shot.pins)
    page.goto(url + shot.search)
    page.locator("#answer [data-stamp]").wait_for()
    if shot.asks:
        _fill_grid(page, shot.asks)
    if shot.opens:
        page.locator("tr.result").first.locator("blockquote").click()
        page.locator("#source .source:not(.is-preview)").wait_for()
    if not shot.opens or shot.width > 1000:
        page.locator("#question textarea").blur()
    page.wait_for_timeout(300)
    page.screenshot(path=IMAGES / f"{shot.name}.png")
    context.close()


def _pin(page: Page, url: str, quotes: int) -> None:
    page.goto(url + ANSWERED)
    for number in range(quotes):
        button = page.locator("tr.result [data-pin]").nth(number)
        button.click()
        page.locator('[data-pin][aria-pressed="true"]').nth(number).wait_for()


def _fill_grid(page: Page, questions: tuple[str, ...]) -> None:
    page.get_by_label("Name").fill("Partnerships")
    page.get_by_label("Questions, one a line").fill("\n".join(questions))
    page.get_by_role("button", name="Ask them").click()
    page.locator("[data-grid]").wait_for()
    page.wait_for_function("!document.querySelector('td.unasked')")
    page.locator("td.strong a").first.click()
    page.locator("#source mark").first.wait_for()


if __name__ == "__main__":
    main()
