"""The page in a real browser, over a real index: what a user sees and does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, FilePayload, Page, expect, sync_playwright

from conftest import ROOT
from qa_app import build_index
from qa_app.api import encoder_for
from qa_app.settings import Settings
from qa_app.store.contents import embed_contents, write_generation
from qa_app.web.page import VIEWS
from support.llm_server import serving_models
from support.store_samples import make_document
from support.web_payloads import PAYLOADS
from support.web_pdf import make_pdf
from support.web_serving import serving

pytestmark = [pytest.mark.browser, pytest.mark.model]

REPORT = "apcc-towards-better-partnerships-deep-dives.txt"
QUESTION = "which forces improved data-sharing?"
QUOTE = "Improved data-sharing initiatives to support evidence-based decision-making."
LINK = "?q=which+forces+improved+data-sharing?"
HOSTILE_NAME = "budget <b onclick=x>.txt"
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_FLAGS += ["--disable-component-update", "--disable-sync", "--no-first-run"]

Open = Callable[..., Page]
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("page")
    corpus = folder / "corpus"
    corpus.mkdir()
    for name in (REPORT, "facets.toml"):
        shutil.copy(ROOT / "corpus" / name, corpus / name)
    lines = [f"The stationery budget {payload} was 40,000 pounds." for payload in PAYLOADS]
    (corpus / HOSTILE_NAME).write_text("\n\n".join(lines), encoding="utf-8")
    facts = {HOSTILE_NAME: {"title": f"Budget {PAYLOADS[20]}", "author": PAYLOADS[22]}}
    facts["minutes.pdf"] = {"date": "2018-05"}
    tables = [
        f"[{json.dumps(path)}]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in values.items())
        for path, values in facts.items()
    ]
    (corpus / "metadata.toml").write_text("".join(tables), encoding="utf-8")
    (corpus / "scan.pdf").write_bytes(b"not a PDF")
    (corpus / "minutes.pdf").write_bytes(
        make_pdf(["The harbour board met in March.", "The lighthouse lamp was replaced in May."])
    )
    build_index(corpus, folder / "index")
    with (
        serving_models() as models,
        serving(folder / "index", corpus, "--llm", models, "--llm-model", "mixed") as address,
    ):
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, url: str) -> Iterator[Open]:
    """Return a function that opens the page; in the end nothing may have gone wrong in it."""
    troubles: list[str] = []
    contexts = []

    def watch(page: Page) -> None:
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((url, "data:", "blob:"))
                else troubles.append(f"outside request {request.url}")
            ),
        )
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "console",
            lambda message: troubles.append(message.text) if message.type == "error" else None,
        )

    def open_page(search: str = "", width: int = 1280, scheme: str = "light") -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if scheme == "dark" else "light",
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(90_000)  # the first question waits for the model
        contexts.append(context)
        page = context.new_page()
        watch(page)
        page.goto(url + search)
        page.locator("#answer [data-stamp]").wait_for()
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []


def ask(page: Page, question: str) -> None:
    box = page.get_by_role("textbox").first
    box.fill(question)
    box.press("Enter")
    page.locator(f'#answer [data-question="{question}"]').wait_for()


def test_ask_read_the_table_open_the_source(open_page: Open) -> None:
    page = open_page()
    expect(page.get_by_role("textbox").first).to_be_focused()
    ask(page, QUESTION)
    expect(page.locator("#verdict")).to_contain_text("4 forces in this corpus")
    expect(page.get_by_text("known forces are not mentioned")).to_be_visible()
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Merseyside"))
    expect(row.get_by_role("cell").first).to_have_text(QUOTE)
    expect(row).to_contain_text("Strong")
    (answering,) = row.locator("blockquote mark").all_inner_texts()
    assert "initiatives" in answering
    row.locator("blockquote").click()
    source = page.locator("#source .source:not(.is-preview)")
    expect(source.locator("mark#quote")).to_have_text(QUOTE)
    expect(source.locator("mark")).to_have_count(1)
    expect(source.locator("mark#quote")).to_be_in_viewport()
    expect(source.locator(".place")).to_have_text("Key findings › Merseyside")
    expect(source.get_by_role("heading", name="Surrey")).to_be_attached()
    expect(row).to_have_class("result is-open")


def test_a_question_asked_before_the_page_has_loaded_is_not_lost(
    browser: Browser, url: str
) -> None:
    context = browser.new_context()
    page = context.new_page()
    # On a slow machine the box is there long before the page's own first answer.
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(url)
    ask(page, QUESTION)
    expect(page.locator("#verdict")).to_contain_text("4 forces in this corpus")
    expect(page.get_by_role("textbox").first).to_have_value(QUESTION)
    expect(page.locator("header")).to_contain_text("report")
    context.close()


def test_a_passage_opens_its_source_too(open_page: Open) -> None:
    page = open_page(LINK)
    page.locator(".passages .result").first.locator("a.open").click()
    page.locator("#source .source:not(.is-preview)").wait_for()
    expect(page.locator(".passages .result").first).to_have_class("result is-open")
    expect(page.locator("#source mark#quote")).to_be_in_viewport()


def test_a_source_that_breaks_the_program_leaves_no_empty_pane(
    browser: Browser, tmp_path: Path
) -> None:
    # One label for two pages: no loader makes such a document, and showing it breaks off.
    item = make_document("a.txt", ["The harbour board met.", "The lighthouse lamp was replaced."])
    document = replace(item.document, page_starts=(0, 23), page_labels=("i",))
    contents = embed_contents([replace(item, document=document)], encoder_for(Settings()))
    write_generation(tmp_path / "index", contents)
    with serving(tmp_path / "index", tmp_path) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(90_000)  # the first question waits for the model
        page.goto(address)
        ask(page, "when was the lighthouse lamp replaced?")
        source = page.locator("#source .source:not(.is-preview)")
        expect(source.locator("#source-title")).to_have_text("The source could not be opened")
        source.get_by_role("link", name="Close").click()
        expect(source).to_have_count(0)
        page.locator("#answer a.open").first.click()
        expect(source).to_contain_text("Open it once more.")
        expect(page.locator("body")).not_to_contain_text("Traceback")
        expect(page.locator("#verdict")).to_be_visible()
        page.close()


def test_a_pdf_is_cited_and_opened_at_its_page(open_page: Open) -> None:
    page = open_page()
    ask(page, "when was the lighthouse lamp replaced?")
    first = page.locator("#answer .result").first
    expect(first.locator("a.open")).to_contain_text("p. 2")
    first.locator("a.open").click()
    source = page.locator("#source .source:not(.is-preview)")
    expect(source.get_by_role("img")).to_have_attribute(
        "alt",
        "Page 2 of Minutes. Boxes are around the words: The lighthouse lamp was replaced in May.",
    )
    expect(source.locator(".page-box")).to_have_count(1)
    expect(source.locator(".page-box")).to_be_in_viewport()
    check_with_axe(page)
    # By keyboard the pages are turned one after the other.
    source.get_by_role("link", name="Previous page").press("Enter")
    expect(source.get_by_role("img")).to_have_attribute("alt", "Page 1 of Minutes.")
    expect(source.locator("#source-title")).to_be_focused()  # there is none before it
    source.get_by_role("link", name="Show the text").click()
    expect(source.locator("mark")).to_have_text(["The lighthouse lamp was replaced in May."])
    expect(source.locator(".place")).to_contain_text("page 2 of 2")
    expect(source.locator(".page-break")).to_have_text(["Page 1", "Page 2"])


def test_a_source_is_searched_and_its_original_opened(open_page: Open) -> None:
    page = open_page(f"?show=sources&doc={REPORT}")
    page.locator("#verdict").click()
    page.keyboard.press("f")
    box = page.get_by_role("searchbox", name="Search in this source")
    expect(box).to_be_focused()
    box.fill("collaboration")
    box.press("Enter")
    listed = page.get_by_role("region", name="passages with these words")
    expect(listed.get_by_role("link").first).to_be_visible()
    expect(box).to_be_focused()
    assert page.url.endswith(f"?show=sources&doc={REPORT}&find=collaboration")
    check_with_axe(page)
    listed.get_by_role("link").first.press("Enter")
    expect(page.locator("#source mark#quote")).to_contain_text("collaborat")
    expect(page.locator("#source mark#quote")).to_be_in_viewport()
    expect(page.locator("#source-title")).to_be_focused()
    following = page.get_by_role("link", name="Next result")
    following.press("Enter")
    expect(page.locator("#source")).to_contain_text("Result 2 of")
    expect(following).to_be_focused()
    page.go_back()
    page.go_back()
    expect(listed).to_be_visible()
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="Open original").click()
    expect(opened.value.locator("body")).to_contain_text("Deep Dives")
    assert opened.value.url.endswith(f"/original?doc={REPORT}")


def test_a_cell_of_the_heat_map_opens_its_quotes_by_keyboard(open_page: Open) -> None:
    page = open_page("?show=topics")
    expect(page.get_by_role("link", name="Topics", exact=True)).to_have_attribute(
        "aria-current", "page"
    )
    heat = page.get_by_role("table")
    expect(heat.get_by_role("columnheader", name="Merseyside")).to_be_visible()
    check_with_axe(page)
    first = heat.locator("tbody td a").first
    first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    panel = page.get_by_role("region", name=" · ")
    expect(panel.get_by_role("heading").first).to_be_focused()
    quote = panel.locator(".result blockquote").first.inner_text()
    expect(page.locator("#source mark").first).to_have_text(quote)
    expect(page.locator("#source mark").first).to_be_in_viewport()
    check_with_axe(page)
    address = page.url
    panel.get_by_text("Compare with").click()
    panel.locator(".compare a").first.click()
    expect(panel.locator(".side-by-side > div")).to_have_count(2)
    panel.get_by_role("link", name="Close").click()
    expect(panel).to_have_count(0)
    page.goto(address)
    expect(page.locator(".cell-panel blockquote").first).to_have_text(quote)


def test_the_address_is_the_whole_state(open_page: Open) -> None:
    page = open_page()
    ask(page, QUESTION)
    assert page.url.endswith(LINK)
    page.locator("tr.result").first.locator("a.open").click()
    page.locator("#source .source:not(.is-preview)").wait_for()
    link = page.url[page.url.index("?") :]
    assert link.startswith(f"{LINK}&doc={REPORT}&at=")
    quote = page.locator("#source mark#quote").inner_text()
    verdict = page.locator("#verdict").inner_text()

    colleague = open_page(link)
    expect(colleague.get_by_role("textbox").first).to_have_value(QUESTION)
    expect(colleague.locator("#verdict")).to_have_text(verdict)
    expect(colleague.locator("#source mark#quote")).to_have_text(quote)

    page.go_back()
    expect(page.locator("#source .source")).to_have_count(0)
    expect(page.locator("#verdict")).to_have_text(verdict)
    page.go_back()
    expect(page.locator("#answer .home")).to_be_visible()
    expect(page.get_by_role("textbox").first).to_have_value("")
    page.go_forward()
    page.go_forward()
    expect(page.locator("#source mark#quote")).to_have_text(quote)
    expect(page.get_by_role("textbox").first).to_have_value(QUESTION)


def test_an_example_question_is_one_click(open_page: Open) -> None:
    page = open_page()
    example = page.locator(".home .questions a").first
    question = example.inner_text()
    example.click()
    page.locator(f'#answer [data-question="{question}"]').wait_for()
    expect(page.get_by_role("textbox").first).to_have_value(question)
    page.locator(".brand a").click()
    expect(page.locator("#recent li")).to_have_text([question])
    long = "how was the data of the partners shared " * 30
    ask(page, long.strip())
    page.locator(".brand a").click()
    first = page.locator("#recent a").first
    expect(first).to_have_text(f"{long[:139]}…")
    first.click()
    expect(page.get_by_role("textbox").first).to_have_value(long.strip())


def test_the_header_leads_to_the_views_and_back_to_the_answer(open_page: Open) -> None:
    page = open_page(LINK)
    views = page.get_by_role("navigation", name="Views")
    expect(views.get_by_role("link", name="Ask")).to_have_attribute("aria-current", "page")
    views.get_by_role("link", name="Sources").click()
    expect(page.locator("#answer .sources")).to_be_visible()
    expect(views.get_by_role("link", name="Sources")).to_have_attribute("aria-current", "page")
    assert page.url.endswith("?show=sources")
    views.get_by_role("link", name="Ask").click()
    page.locator(f'#answer [data-question="{QUESTION}"]').wait_for()
    assert page.url.endswith(LINK)
    views.get_by_role("link", name="Ask").click()
    expect(page.locator("#answer .home")).to_be_visible()


def test_an_answer_is_kept_to_a_value_and_a_range_of_dates(open_page: Open) -> None:
    page = open_page(LINK, width=1600)
    filters = page.get_by_role("complementary", name="Filters")
    filters.get_by_role("link", name="Surrey").click()
    expect(page.locator("#verdict")).to_have_text("Evidence for the one force within these filters")
    assert page.url.endswith(f"{LINK}&force=Surrey")
    filters.get_by_label("From").fill("2019")
    filters.get_by_label("From").press("Enter")
    expect(page.locator("#verdict")).to_have_text("No document has the date '2019..'.")
    page.go_back()
    expect(filters.locator(".chips li")).to_have_text(["Force: Surrey ×(remove)"])
    filters.locator(".chips a").click()
    expect(page.locator("#verdict")).to_contain_text("4 forces in this corpus")


def test_keys_alone_are_enough(open_page: Open) -> None:
    page = open_page(LINK)
    page.locator("#verdict").click()
    page.keyboard.press("j")
    first, second = (page.locator("#answer .result a.open").nth(n) for n in (0, 1))
    expect(first).to_be_focused()
    page.keyboard.press("j")
    expect(second).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#source .source:not(.is-preview)").wait_for()
    expect(page.locator("#answer .result").nth(1)).to_have_class("result is-open")
    page.keyboard.press("c")
    expect(page.locator(".copy.is-done")).to_have_count(1)
    page.keyboard.press("h")
    expect(page.locator(".copy.is-done")).to_have_count(2)
    page.keyboard.press("k")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#source .source")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("/")
    expect(page.get_by_role("textbox").first).to_be_focused()


def test_leads_are_followed_and_taken_back_by_keyboard(open_page: Open) -> None:
    page = open_page("?q=what+is+planned+in+Humberside?")
    page.locator("#verdict").click()
    page.keyboard.press("j")
    first = page.locator("#answer .result a.open").first.get_attribute("href")
    page.keyboard.press("n")
    back = page.get_by_role("list", name="Left out").get_by_role("link")
    expect(back).to_be_focused()
    expect(page.locator(f'#answer .result a.open[href="{first}"]')).to_have_count(0)
    assert "&not=" in page.url
    check_with_axe(page)
    page.keyboard.press("Enter")
    expect(back).to_have_count(0)
    assert page.url.endswith("?q=what+is+planned+in+Humberside?")
    page.get_by_role("link", name="More like this").first.click()
    expect(page.locator("#verdict")).to_have_text("Passages like this one")
    expect(page.locator("#verdict")).to_be_focused()
    check_with_axe(page)
    page.get_by_role("link", name="Back to the answer").press("Enter")
    page.locator('#answer [data-question="what is planned in Humberside?"]').wait_for()
    box = page.get_by_role("textbox").first
    box.fill("and in Surrey?")
    box.press("Enter")
    expect(page.locator(".read-as")).to_contain_text("Read as: what is planned in Surrey?")
    assert "after=what+is+planned+in+Humberside?" in page.url


def test_a_quote_is_copied_with_its_citation(open_page: Open) -> None:
    page = open_page(LINK)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Merseyside"))
    title = "APCC FINDINGS REPORT: Annex: Towards Better Partnerships: Deep Dives"
    pane = page.locator("#source .source:not(.is-empty) [data-copy]")
    styles = (
        ("Copy quote with citation", f"‘{QUOTE}’ (Deep Dives, Merseyside)"),
        ("Harvard", f"{title} (no date), section ‘Merseyside’. ‘{QUOTE}’"),
    )
    for number, (name, words) in enumerate(styles):
        button = row.get_by_role("button", name=name)
        button.click()
        expect(button).to_contain_class("is-done")
        assert page.evaluate("navigator.clipboard.readText()") == words
        # The source pane copies the same.
        assert pane.nth(number).get_attribute("data-copy") == words


def test_what_the_reports_do_not_say(open_page: Open) -> None:
    page = open_page()
    ask(page, "what is the boiling point of tungsten?")
    expect(page.locator("#verdict")).to_have_text("The reports do not say.")
    expect(page.get_by_role("heading", name="Nearest passages")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    expect(page.locator("#source .source")).to_have_count(0)


def test_markup_in_reports_is_shown_as_text(open_page: Open) -> None:
    assert len(PAYLOADS) == 200
    page = open_page()
    ask(page, "what was the stationery budget?")
    expect(page.locator("#answer")).to_contain_text(PAYLOADS[0])
    page.locator("#answer .result a.open").first.click()
    page.locator("#source .source:not(.is-preview)").wait_for()
    expect(page.locator("#source .path")).to_contain_text("<b onclick=x>")
    for search in (
        f"?doc={quote(HOSTILE_NAME)}",
        f"?doc={quote(HOSTILE_NAME)}&find=stationery",
        "?show=sources",
        f"?q={quote(PAYLOADS[2])}",
        f"?q=budget&document={quote(PAYLOADS[5])}",
    ):
        # In a window of its own: to leave a page while it still loads is an error there.
        page = open_page(search)
        if "doc=" in search:
            expect(page.locator("#source .source-text")).to_contain_text(PAYLOADS[19])
        shown = page.locator("#answer, #source, #header")
        assert shown.locator("img, script, iframe, base, meta, link, style").count() == 0
        assert shown.locator("[onerror], [onload], [onclick], [ontoggle]").count() == 0
        assert page.evaluate("window.hurt") is None
    assert page.frames == [page.main_frame]


def test_files_that_could_not_be_read_are_named(open_page: Open) -> None:
    page = open_page()
    page.get_by_role("link", name="1 could not be read").click()
    expect(page.get_by_role("region", name="1 file could not be read")).to_contain_text("scan.pdf")


def test_a_question_that_is_too_long_is_said_calmly(open_page: Open) -> None:
    page = open_page("?q=" + "x" * 10_000)
    expect(page.locator("#verdict")).to_contain_text("10,000 characters")


def test_a_link_to_a_source_that_is_gone(open_page: Open) -> None:
    page = open_page("?doc=../../etc/passwd")
    expect(page.locator("#source")).to_contain_text("../../etc/passwd")
    page.locator("#source").get_by_role("link", name="Close").click()
    expect(page.locator("#source .source")).to_have_count(0)


@pytest.mark.parametrize("width", [400, 1600])
def test_nothing_scrolls_sideways(open_page: Open, width: int) -> None:
    for search in ("", LINK, "?show=sources"):
        page = open_page(search, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_the_source_lies_over_the_answer_and_closes(open_page: Open) -> None:
    page = open_page(LINK, width=400)
    expect(page.locator("#source")).to_be_hidden()
    page.locator("tr.result").first.locator("blockquote").click()
    expect(page.locator("#source mark#quote")).to_be_in_viewport()
    expect(page.locator("#source-title")).to_be_focused()
    page.locator("#source").get_by_role("link", name="Close").click()
    expect(page.locator("#source .source")).to_have_count(0)
    expect(page.locator("tr.result").first.locator("a.open")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(open_page: Open, scheme: str) -> None:
    # Dark has colours of its own, and no layout of its own between a screen's and a phone's.
    widths = (1600, 1280, 400) if scheme == "light" else (1600, 400)
    views = (*(entry.href for entry in VIEWS), LINK, "?q=tungsten", "?doc=none")
    for search in (*views, f"{LINK}&doc={REPORT}"):
        # Each in a window of its own: to leave a page while it still loads is an error there.
        page = open_page(search, 1600, scheme)
        assert page.evaluate("document.body.classList.contains('dark')") is (scheme == "dark")
        for width in widths:
            page.set_viewport_size({"width": width, "height": 900})
            check_with_axe(page)


def check_with_axe(page: Page) -> None:
    expect(page.locator("#header h1")).to_be_visible()  # it may come after the rest
    result = Axe().run(page)
    assert len(result.response["passes"]) > 10
    assert result.violations_count == 0, result.generate_report()


def test_axe_finds_no_violation_in_what_unfolds(open_page: Open) -> None:
    page = open_page(LINK)
    page.locator(".narrow summary").click()
    page.locator(".why summary").first.click()
    check_with_axe(page)
    page.locator("[data-help]").click()
    check_with_axe(page)


def test_the_first_reports_are_added_from_the_page(browser: Browser, tmp_path: Path) -> None:
    minutes = make_pdf(["The harbour board met in March."])
    files = [("minutes.pdf", minutes), ("facets.toml", b""), ("scan.pdf", b"not a PDF")]
    chosen: list[FilePayload] = [
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
        for name, content in files
    ]
    with serving(tmp_path / "index", tmp_path / "corpus", "--allow-upload") as address:
        page = browser.new_page()
        page.goto(address)
        expect(page.locator("#verdict")).to_have_text("There is nothing to ask yet.")
        check_with_axe(page)
        page.set_input_files("#add-files", chosen)
        expect(page.locator("[data-build-bar]")).to_be_visible()
        expect(page.locator(".refused")).to_contain_text("'facets.toml' is a name")
        expect(page.locator("#answer .lead")).to_be_visible(timeout=120_000)
        expect(page.locator(".scope")).to_have_text("1 report, 1 could not be read")
        expect(page.locator(".masthead .build-line")).to_contain_text("1 report added. 1 file")
        page.goto(f"{address}?show=sources")
        expect(page.locator("#answer .drop")).to_be_visible()
        check_with_axe(page)
        page.close()


def test_a_brief_is_collected_arranged_and_taken_away(open_page: Open) -> None:
    page = open_page(LINK)
    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Merseyside"))
    pin = row.locator("[data-pin]")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "true")
    pin.click()
    expect(pin).to_have_attribute("aria-pressed", "false")
    row.locator("a.open").focus()
    page.keyboard.press("p")
    expect(pin).to_have_text("Pinned to the brief")
    page.keyboard.press("Enter")
    page.locator("#source .source:not(.is-preview)").wait_for()
    for words in ("Pin to the brief", "Pinned to the brief"):  # from within the open source
        page.locator("#source-title").focus()
        page.keyboard.press("p")
        expect(pin).to_have_text(words)
    page.get_by_role("button", name="Save this question").click()
    expect(page.get_by_role("button", name="Question saved")).to_be_disabled()
    ask(page, "What was the stationery budget?")
    page.locator(".passages [data-pin]").first.click()
    page.get_by_role("link", name="Brief (2)").click()

    items = page.locator("[data-item]")
    expect(items.locator("blockquote")).to_have_count(2)
    expect(items.nth(1)).to_contain_text("The stationery budget")
    page.get_by_label("New heading").fill(PAYLOADS[20])
    page.get_by_role("button", name="Add", exact=True).click()
    expect(items).to_have_count(3)
    page.get_by_label("Note on Merseyside").fill("Mine.")
    expect(items.first).to_contain_text("Saved")
    page.get_by_label("Note on Merseyside").fill("Mine, still unsaved.")
    page.keyboard.press("Alt+ArrowDown")
    expect(items.nth(1).locator("textarea")).to_have_value("Mine, still unsaved.")
    expect(items.nth(1).locator(".move-down")).to_be_focused()
    items.nth(1).get_by_role("button", name="Remove").click()
    expect(page.get_by_role("button", name="Undo removing Merseyside")).to_be_focused()
    check_with_axe(page)
    page.keyboard.press("Enter")
    expect(items.nth(1).locator("textarea")).to_have_value("Mine, still unsaved.")

    page.reload()
    expect(items.nth(1).locator("textarea")).to_have_value("Mine, still unsaved.")
    check_with_axe(page)
    for form, ending in (("Word", "docx"), ("Markdown", "md"), ("CSV", "csv")):
        with page.expect_download() as download:
            page.get_by_role("link", name=form, exact=True).click()
        assert download.value.suggested_filename == f"brief.{ending}"
    items.nth(1).get_by_role("link", name="Deep Dives, Merseyside").click()
    expect(page.locator("#source mark#quote")).to_have_text(QUOTE)
    page.get_by_role("button", name="Forget").click()
    expect(page.locator("[data-saved-item]")).to_have_count(0)
    while items.count():
        left = items.count() - 1
        items.first.get_by_role("button", name="Remove").click()
        expect(items).to_have_count(left)
    assert page.evaluate("window.hurt") is None


def test_a_grid_fills_is_read_by_keyboard_and_marked(open_page: Open) -> None:
    page = open_page("?show=grid")
    asked = [QUESTION, *(f"How is {word} dealt with?" for word in ("violence", "crime", "risk"))]
    page.get_by_label("Name").fill("Framework")
    page.get_by_label("Questions, one a line").fill("\n".join(asked))
    page.get_by_role("button", name="Ask them").click()
    # What is typed while the cells arrive stays, with the focus.
    page.get_by_text("Questions of this grid").click()
    box = page.get_by_label("Questions, one a line")
    box.press("Control+End")
    box.press_sequentially("\nIs this kept?", delay=30)
    expect(page.locator(".heat td.unasked")).to_have_count(0)
    expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(box).to_have_value("\n".join([*asked, "Is this kept?"]))
    expect(box).to_be_focused()

    row = page.get_by_role("row").filter(has=page.get_by_role("rowheader", name=QUESTION))
    humberside, _, merseyside, _ = row.locator("a").all()
    humberside.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(merseyside).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#cell-title")).to_be_focused()
    expect(page.locator("#cell-title")).to_have_text("Merseyside")
    expect(page.locator(".cell-panel blockquote").first).to_have_text(QUOTE)
    page.locator(".cell-panel a.open").first.press("Enter")
    expect(page.locator("#source .source:not(.is-preview) mark#quote")).to_have_text(QUOTE)
    expect(page.locator("#source mark#quote")).to_be_in_viewport()
    page.get_by_label("Agreed").check()
    page.get_by_label("Note", exact=True).fill("Seen on the visit.")
    page.get_by_role("button", name="Keep").press("Enter")
    expect(page.get_by_text("Kept.", exact=True).last).to_be_visible()
    expect(page.get_by_role("button", name="Keep")).to_be_focused()
    expect(merseyside).to_contain_text("agreed")

    check_with_axe(page)
    page.locator("#source").get_by_role("link", name="Close").click()
    expect(page.locator("#source .source")).to_have_count(0)

    colleague = open_page(page.url[page.url.index("?") :], 400, "dark")
    expect(colleague.get_by_label("Note", exact=True)).to_have_value("Seen on the visit.")
    expect(colleague.locator(".cell-panel blockquote").first).to_have_text(QUOTE)
    check_with_axe(colleague)
    assert colleague.evaluate("document.documentElement.scrollWidth") <= 400
    page.locator("#cell-title").press("Escape")
    expect(merseyside).to_be_focused()
    page.once("dialog", lambda dialog: dialog.accept())
    # Still unfolded, since what was typed there was not sent.
    page.get_by_role("button", name="Remove this grid").click()
    expect(page.locator("#verdict")).to_have_text("Evidence grids")


def test_on_paper_there_is_the_answer_alone(open_page: Open) -> None:
    page = open_page(LINK)
    page.emulate_media(media="print")
    expect(page.locator(".asked")).to_be_visible()
    expect(page.get_by_role("table")).to_be_visible()
    expect(page.get_by_role("textbox").first).to_be_hidden()
    expect(page.locator("#source")).to_be_hidden()


def test_the_page_is_ours_alone(open_page: Open) -> None:
    page = open_page()
    assert page.locator("footer").count() == 0
    assert page.title() == "qa_app"
    ask(page, QUESTION)
    assert page.title() == f"{QUESTION} · qa_app"


def test_a_summary_is_asked_for_checked_and_copied(open_page: Open) -> None:
    page = open_page(LINK, width=400)
    section = page.get_by_role("region", name="Summary")
    expect(section).to_contain_text("are sent to http://127.0.0.1:")
    section.get_by_role("button", name="Summarise with mixed").press("Enter")
    struck = section.locator("li.struck")
    expect(struck.first).to_contain_text("Struck out: it cites no quote.")
    expect(struck.nth(1)).to_contain_text("“Zedland” is not in quote 1")
    expect(struck.nth(2)).to_contain_text("there is no quote 99")
    expect(struck.nth(3)).to_contain_text("<img src=x")
    assert section.locator("img, a[href*=outside]").count() == 0
    expect(section.locator("li:not(.struck)").first).to_contain_text("data-sharing")
    expect(page.locator("#announcer")).to_contain_text("struck out")
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    assert page.evaluate("window.hurt") is None
    check_with_axe(page)
    section.get_by_role("button", name="Copy").click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "(Written by a language model (mixed), checked against the quotes.)" in copied
    assert "Zedland" not in copied
    section.get_by_role("link", name="Quote 1").first.click()
    page.locator("#source .source:not(.is-preview)").wait_for()
