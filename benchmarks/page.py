"""Response times of the web page in Chromium, and its API under load.

    python benchmarks/page.py speed INDEX CORPUS     # Enter to answer, page image, first paint
    python benchmarks/page.py load [--users 64] [--seconds 60]

``speed`` serves an index and asks each question once; times are measured in the browser, from the
key press to the frame after the change. ``load`` builds a small corpus and, once the model is
loaded, asks it from many threads over the API while a new generation is published every few
seconds. A response counts as an error unless it is ``event: complete`` with passages of one
generation, or "busy", after which a user waits a second. Both print Markdown.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from qa_app import api
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.settings import DEFAULT_MODEL

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))
from support.web_serving import serving  # noqa: E402  (the tests' helper that runs the server)

QUESTIONS = (
    "What did the inquiry recommend?",
    "Which reports mention funding?",
    "How much did it cost?",
    "Who is responsible for compensation?",
    "What is the role of the ombudsman?",
    "When was the policy approved?",
    "Which reports recommend more training?",
    "What are the fire safety requirements for stairs?",
    "What was said about the press and the police?",
    "How is behaviour change evaluated?",
    "Which documents discuss insulin?",
    "What is the purpose of the drainage system?",
    "Why was legal advice not shared with Cabinet?",
    "What should be done about data protection?",
    "What targets were set for 2022?",
    "Which reports mention climate?",
    "How are individual funding requests decided?",
    "What does the government accept?",
    "What is an electric vehicle charge point?",
    "Who sits on the board?",
    "What went wrong with the computer system?",
    "How should services meet the needs of users?",
    "What evidence was there of weapons?",
    "Which reports say that staff were under pressure?",
    "What are the strategic goals?",
    "How many complaints were made?",
    "What is the boiling point of tungsten?",
    "Which agencies improved customer service?",
    "What did witnesses say about privacy?",
    "How should blood glucose be monitored?",
)
# For Chromium in a container: it can run as root there, and has no GPU.
_FLAGS = ("--no-sandbox", "--disable-gpu")
# Script that sets window.timed to a promise of the milliseconds from the next event (key or click)
# to the frame after the condition ``ready`` holds.
_TIMED = """
([event, ready]) => {
  const isReady = new Function(`return (${ready})`);
  window.timed = new Promise((done) => {
    addEventListener(event, () => {
      const start = performance.now();
      const watch = new MutationObserver(() => {
        if (!isReady()) return;
        watch.disconnect();
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - start)));
      });
      watch.observe(document.body, { childList: true, subtree: true, attributes: true });
    }, { capture: true, once: true });
  });
}
"""
_MOST_SECONDS = 60.0  # to wait for one change of the page
_PAGES_OPENED = 12  # page images that are timed
_SECONDS_BETWEEN_PUBLISHES = 5.0  # pause after each build, so that many occur in a run
_SECONDS_AFTER_BUSY = 1.0  # before a user asks again
_BUSY = f"HTTP {httpx.codes.SERVICE_UNAVAILABLE}"
_EDITION = re.compile(r"Edition (\d+)")  # in the text of every report, the same within a generation


def main() -> None:
    """Run one of the two benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    speed = commands.add_parser("speed")
    speed.add_argument("index", type=Path)
    speed.add_argument("corpus", type=Path)
    speed.set_defaults(run=lambda options: time_page(options.index, options.corpus))
    load = commands.add_parser("load")
    load.add_argument("--users", type=int, default=64)
    load.add_argument("--seconds", type=float, default=60.0)
    load.set_defaults(run=lambda options: load_api(options.users, options.seconds))
    options = parser.parse_args()
    options.run(options)


def time_page(index: Path, corpus: Path) -> None:
    """Print the times to an answer, a page image and the first paint."""
    with serving(index, corpus) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(_FLAGS)
        )
        paints = [_first_paint(browser, url) for _ in range(5)]
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(url)
        page.locator("#answer [data-stamp]").wait_for()
        _ask(page, "Is everything loaded?")
        answers = [_ask(page, question) for question in QUESTIONS]
        images = _page_images(page, url)
        browser.close()
    print("| from | to | times | median, s | 95th percentile, s |\n|---|---|---|---|---|")
    _print_row("Enter", "the answer on screen", answers)
    _print_row("click on the next page", "its image on screen", images)
    _print_row("opening the address", "first paint", paints)


def _first_paint(browser: Browser, url: str) -> float:
    context = browser.new_context()
    page = context.new_page()
    page.goto(url)
    page.locator("#answer [data-stamp]").wait_for()
    milliseconds = page.evaluate(
        'performance.getEntriesByName("first-contentful-paint")[0].startTime'
    )
    context.close()
    return float(milliseconds) / 1000


def _ask(page: Page, question: str) -> float:
    page.locator("#question textarea").fill(question)
    answer = 'document.querySelector("#answer [data-question]")'
    ready = f"{answer}?.dataset.question === {json.dumps(question)}"
    page.evaluate(_TIMED, ["keydown", ready])
    page.locator("#question textarea").press("Enter")
    return _timed(page)


def _timed(page: Page) -> float:
    late = f"new Promise((_, no) => setTimeout(no, {_MOST_SECONDS * 1000}, new Error('too late')))"
    return float(page.evaluate(f"Promise.race([window.timed, {late}])")) / 1000


def _page_images(page: Page, url: str) -> list[float]:
    page.goto(f"{url}?show=sources")
    page.locator("#answer .documents").wait_for()
    reports = page.locator("#answer .documents a.open").all()
    pdfs = [link.get_attribute("href") or "" for link in reports]
    times: list[float] = []
    for href in (href for href in pdfs if ".pdf" in href.lower()):
        page.goto(f"{url}{href}")
        page.locator("#source img").wait_for()
        if page.locator(".parts a", has_text="Next page").count():
            ready = '/^Page 2 of/.test(document.querySelector("#source img")?.alt ?? "")'
            ready += ' && document.querySelector("#source img").complete'
            page.evaluate(_TIMED, ["click", ready])
            page.locator(".parts a", has_text="Next page").click()
            times.append(_timed(page))
        if len(times) == _PAGES_OPENED:
            break
    return times


def _print_row(start: str, end: str, seconds: Sequence[float]) -> None:
    median, late = np.percentile(seconds, [50, 95])
    print(f"| {start} | {end} | {len(seconds)} | {median:.2f} | {late:.2f} |")


@dataclass(slots=True)
class Tally:
    """Responses that the users of a load run received."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    busy: int = 0
    generations: set[str] = field(default_factory=set)


def load_api(users: int, seconds: float) -> None:
    """Print response times and errors of the API for many users during publishing."""
    encoder = SentenceTransformerEncoder(DEFAULT_MODEL)
    with tempfile.TemporaryDirectory() as name:
        corpus, index = Path(name) / "corpus", Path(name) / "index"
        _publish(corpus, index, encoder, 1)
        with serving(index, corpus) as url:
            _use(url, 0, time.monotonic(), Tally())  # loads the model
            end = time.monotonic() + seconds
            tally = Tally()
            threads = [
                threading.Thread(target=_use, args=[url, number, end, tally])
                for number in range(users)
            ]
            for thread in threads:
                thread.start()
            publishes = 0
            while time.monotonic() < end:
                publishes += 1
                _publish(corpus, index, encoder, publishes + 1)
                time.sleep(_SECONDS_BETWEEN_PUBLISHES)
            for thread in threads:
                thread.join()
            after = Tally()
            _use(url, 0, time.monotonic(), after)
    tally.errors += after.errors
    columns = (
        "users | seconds | answers | busy | errors | generations seen | median, s | p99 | p99/p50"
    )
    print(f"| {columns} | one more, s |\n|{'---|' * 10}")
    median, last = np.percentile(tally.seconds, [50, 99])
    print(
        f"| {users} | {seconds:.0f} | {len(tally.seconds)} | {tally.busy} | {len(tally.errors)} | "
        f"{len(tally.generations)} of {publishes + 1} | {median:.2f} | {last:.2f} | "
        f"{last / median:.1f} | {sum(after.seconds):.2f} |"
    )
    for error in sorted(set(tally.errors))[:5]:
        print(f"- {error}")


def _publish(corpus: Path, index: Path, encoder: SentenceTransformerEncoder, edition: int) -> None:
    corpus.mkdir(exist_ok=True)
    for number in range(12):
        text = f"Report {number}\nEdition {edition}. Town {number} improved its data sharing.\n"
        (corpus / f"report-{number}.txt").write_text(text, encoding="utf-8")
    api.build_index(corpus, index, encoder=encoder)


def _use(url: str, number: int, end: float, tally: Tally) -> None:
    """Ask one question after another until the time ``end``, at least one."""
    with httpx.Client(base_url=url, timeout=120) as client:
        for turn in itertools.count(number):
            start = time.perf_counter()
            question = f"Which reports say that town {turn % 12} improved data sharing?"
            fault = _call(client, question, tally)
            if fault == _BUSY:
                tally.busy += 1
                time.sleep(_SECONDS_AFTER_BUSY)
            elif fault:
                tally.errors.append(fault)
            else:
                tally.seconds.append(time.perf_counter() - start)
            if time.monotonic() > end:
                return


def _call(client: httpx.Client, question: str, tally: Tally) -> str:
    try:
        asked = client.post("/gradio_api/call/v2/ask", json={"question": question})
        if asked.status_code != httpx.codes.OK:
            return f"HTTP {asked.status_code}"
        said = client.get(f"/gradio_api/call/ask/{asked.json()['event_id']}").text
    except httpx.HTTPError as exc:
        return repr(exc)
    # Heartbeat events may precede the result.
    _, complete, result = said.partition("event: complete\ndata: ")
    if not complete:
        return said[:200]
    answer = json.loads(result)[0]
    tally.generations.add(answer["generation"])
    editions = set(_EDITION.findall(json.dumps(answer["passages"])))
    return "" if len(editions) == 1 else f"an answer of {len(editions)} editions"


if __name__ == "__main__":
    main()
