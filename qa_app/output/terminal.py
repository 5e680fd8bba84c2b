"""The plain-text output of each command, and the progress bar."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qa_app.models import Answer, BuildReport, Failure, Finding, SearchResult, Support, Verdict
from qa_app.output.contract import reranked
from qa_app.output.messages import (
    also_in_text,
    count_detail,
    count_headline,
    coverage_text,
    doubt_text,
    unplaced_text,
)
from qa_app.text.wording import count, listed

if TYPE_CHECKING:
    from qa_app.briefs.brief import Brief, Pin
    from qa_app.briefs.check import Check
    from qa_app.briefs.saved import SavedQuestion, SavedQuestions
    from qa_app.copying import CopyReport
    from qa_app.evaluation import Comparison, Evaluation, Scored
    from qa_app.grids.grid import Cell as GridCell
    from qa_app.grids.grid import Grid
    from qa_app.models import Citation
    from qa_app.retrieval.filters import FilterChoices
    from qa_app.topics.topic_queries import Cell, Change, Excerpt, Matrix, TopicsReport
    from qa_app.verification import VerifyReport

_MAX_WIDTH = 100  # Columns of running text; longer lines are hard to read.
_MAX_PASSAGES = 3  # Below an answer; `qa-app search` shows all.
_MAX_VALUES = 12  # Values of a facet; --json has the rest.
_MAX_EXPECTED = 5  # Expected documents or pages listed for a missed question.
_MAX_QUOTE = 160  # Characters shown of a quote returned for a missed question.
_MAX_HINT = 60  # Characters of a quote beside its score, enough to recognise it.
# Characters of the topics matrix: its labels, its other columns, and its largest total width.
_LABEL_WIDTH, _COLUMN_WIDTH, _MATRIX_WIDTH = 38, 14, 140
# The same of a grid, whose cells are a mark: four values fit into 80 columns.
_QUESTION_WIDTH, _VALUE_WIDTH = 24, 12
_MIN_COLUMNS = 3  # Columns of the matrix shown even if the terminal is too narrow for them.
_SUPPORT_MARK = {Support.STRONG: "●", Support.PARTIAL: "◐"}


class Progress:
    """Progress bars on standard error, one per stage; silent if that is not a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def stage(self, name: str, total: int) -> None:
        """End the previous stage and begin one of ``total`` steps; no bar is shown for 0."""
        from tqdm import tqdm

        self.close()
        if total:
            self._bar = tqdm(
                total=total, desc=name, file=sys.stderr, leave=False, disable=None, unit=""
            )

    def advance(self, steps: int, label: str = "") -> None:
        """Record that ``steps`` more are done; ``label`` names the current file or text."""
        if self._bar is not None:
            self._bar.set_postfix_str(label, refresh=False)
            self._bar.update(steps)

    def close(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def build_text(report: BuildReport) -> str:
    """Return a build's summary, then the files that failed and those read only in part."""
    total = report.added + report.changed + report.unchanged
    summary = (
        f"Generation {report.generation}: {count(total, 'document')} "
        f"({report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged), {count(report.passages, 'passage')}; "
        f"{report.embedded} embedded, {report.reused} reused, in {report.seconds:.1f} s."
    )
    return "\n".join([summary, *_unread_lines(report.failures, report.warnings)])


def copy_text(report: CopyReport) -> str:
    """Return what was copied, and the digest that both indexes have."""
    there = f"{report.target} (generation {report.generation})"
    size = f"{count(report.documents, 'document')}, {count(report.passages, 'passage')}"
    if report.copied:
        head = f"Copied {report.source} (generation {report.source_generation}) to {there}: {size}"
    else:
        head = f"Nothing to copy: {there} is equal already, {size}"
    replaced = f"It was generation {report.replaced} there until now." if report.replaced else ""
    same = f"Compared with each other, both have the SHA-256 {report.digest}."
    kept = f"Briefs, saved questions and grids there as here: {report.kept}." if report.kept else ""
    left = (
        f"Left as they are there, since they differ: {listed(report.left)}." if report.left else ""
    )
    lines = f"{head}; in {report.seconds:.1f} s.", replaced, same, kept, left
    return "\n".join(filter(None, lines))


def status_text(status: Mapping[str, Any]) -> str:
    """Return what is indexed, then the files that failed and those read only in part."""
    model = status["model"]
    failures, warnings = ([Failure(**item) for item in status[k]] for k in ("failures", "warnings"))
    lines = [
        f"Generation   {status['generation']}, made {status['created']}",
        f"Documents    {status['documents']}",
        f"Passages     {status['passages']}",
        f"Model        {model['name']} ({model['dimension']} dimensions)",
    ]
    return "\n".join([*lines, *_unread_lines(failures, warnings)])


def _unread_lines(failures: Sequence[Failure], warnings: Sequence[Failure]) -> Iterator[str]:
    in_part = "was read in part" if len(warnings) == 1 else "were read in part"
    for files, what in ((failures, "could not be read"), (warnings, in_part)):
        if files:
            yield f"{count(len(files), 'file')} {what}:"
        yield from (f"  {file.path}: {file.reason}" for file in files)


def verify_text(report: VerifyReport) -> str:
    """Return how much of an index was checked, then each fault and the remedies."""
    lines = [f"Checked {count(report.files, 'file')} and {count(report.passages, 'passage')}."]
    lines += _bad_lines(report)
    lines += sorted({f"  {item.hint}" for item in report.bad if item.hint})
    return "\n".join(lines if report.bad else [*lines, "All good."])


def answer_check_text(report: VerifyReport) -> str:
    """Return how much of an answer was checked, then each fault."""
    quotes, passages = count(report.quotes, "quote"), count(report.passages, "passage")
    verdict = "not all of it stands there" if report.bad else "all as the reports have it"
    head = f"Checked {quotes} and {passages} in {count(report.files, 'file')}: {verdict}."
    return "\n".join([head, *_bad_lines(report)])


def _bad_lines(report: VerifyReport) -> list[str]:
    return [f"  BAD {item.path}: {item.reason}" for item in report.bad]


def answer_text(answer: Answer, unknown: str = "") -> str:
    """Return an answer: verdict, quotes or rows, coverage, then the nearest passages.

    ``unknown`` is the sentence of ``messages.unknown_text``, shown with a refusal.
    """
    lines = [*_wrap(f"Read as: {answer.read_as}"), ""] if answer.read_as else []
    answered = answer.verdict is Verdict.ANSWERED
    if not answered:
        lines += ["The reports do not say.", *_wrap(unknown), ""]
    if answer.count is not None and (answered or answer.count.words):
        head = f"{count_headline(answer.count)}. {count_detail(answer.count)}"
        lines += [*_wrap(head), ""]
    if doubt := doubt_text(answer):
        lines += [*_wrap(doubt), ""]
    for finding in answer.findings:
        lines += [*_finding_lines(finding), ""]
    if answer.coverage is not None:
        lines += [coverage_text(answer.coverage), ""]
    if answer.passages:
        lines.append("Passages:" if answered else "Nearest passages:")
        lines.append(results_text(answer.passages[:_MAX_PASSAGES]))
    return "\n".join(lines).rstrip()


def _finding_lines(finding: Finding) -> list[str]:
    head = f"{_SUPPORT_MARK[finding.support]} "
    head += f"{finding.facet_value} ({finding.support})" if finding.facet_value else finding.support
    if finding.relation is not None:
        head += f", {finding.relation}"
    # Dates are shown where a row has several quotes, to distinguish them.
    lines = [head, *_found_quote_lines(finding, "    ", dated=bool(finding.others))]
    for other in finding.others:
        lines += [f"    {other.relation}:"] if other.relation is not None else []
        lines += _found_quote_lines(other, "      ", dated=True)
    return lines


def _found_quote_lines(finding: Finding, indent: str, dated: bool) -> list[str]:
    source = finding.citation.label + (f" ({finding.date})" if dated and finding.date else "")
    lead_in = finding.lead_in.text if finding.lead_in else ""
    return [
        *_quote_lines(finding.quote, source, lead_in, indent),
        *_also_in_lines(finding.also_in, indent),
    ]


def _quote_lines(quote: str, source: str, lead_in: str = "", indent: str = "    ") -> list[str]:
    lead = _wrap(f"[{lead_in}]", indent) if lead_in else []
    return [*lead, *_wrap(f"“{quote}”", indent), f"{indent}— {source}"]


def _also_in_lines(citations: Sequence[Citation], indent: str) -> list[str]:
    return _wrap(f"[{also_in_text(citations)}]", indent) if citations else []


def explanation_text(answer: Answer) -> str:
    """Return how an answer's scores were computed: the threshold, then each quote and its sum.

    For a refusal the near misses are explained; "" without an explanation.
    """
    why = answer.explanation
    if why is None:
        return ""
    lines = [f"Why: an answer or row needs a score of {why.threshold:.2f}."]
    for row in answer.findings or answer.near_misses:
        parts = [
            f"{weight:+.1f} × {name} {row.scores.get(name, 0.0):.2f}"
            for name, weight in why.weights.items()
        ]
        lines.append(f"  {row.score:.2f}  {_shorten(row.quote, _MAX_HINT)}")
        lines.append(f"        {why.intercept:+.1f} {' '.join(parts)}")
    return "\n".join(lines)


def results_text(results: Sequence[SearchResult]) -> str:
    """Return ranked passages, each with its label, score and text."""
    lines: list[str] = []
    for result in results:
        lines.append(f"{result.rank:>3}. {result.citation.label}   [{result.score:.3f}]")
        lines += _wrap(result.passage.text, "     ")
        lines += _also_in_lines(result.also_in, "     ")
    if number := reranked(results):
        lines.append(f"The reranker read the first {count(number, 'passage')}.")
    return "\n".join(lines) or "No passages."


def filters_text(choices: FilterChoices) -> str:
    """Return the available filters: facets, values with their numbers of passages, dates."""
    lines: list[str] = []
    for name, counts in choices.values.items():
        lines.append(f"{name}:")
        for value, passages in list(counts.items())[:_MAX_VALUES]:
            lines.append(f"{passages:>8,}  {_shorten(value, 90)}")
        if len(counts) > _MAX_VALUES:
            lines.append(f"{'':>8}  and {len(counts) - _MAX_VALUES:,} more (--json has them all)")
    if choices.earliest:
        lines.append(f"date: {choices.earliest} to {choices.latest}")
    if choices.undated:
        verb = "has" if choices.undated == 1 else "have"
        lines.append(f"{count(choices.undated, 'document')} {verb} no date")
    return "\n".join(lines)


def topics_text(report: TopicsReport) -> str:
    """Return each topic with its terms and a quote, then the matrix."""
    # Imported here, since it imports numpy, which help and status should not wait for.
    from qa_app.topics.topic_queries import Kind

    if not report.topics:
        return (
            "There are no themes. Write some into themes.toml in the corpus, then: qa-app build"
            if report.matrix.kind is Kind.THEMES
            else "There are no topics."
        )
    lines: list[str] = []
    for topic in report.topics:
        lines.append(f"{topic.label}   [{topic.id}]   {count(topic.members, 'quote')}")
        lines += [*_wrap(", ".join(topic.terms), "    "), *_excerpt_lines(topic.quotes[:1])]
    return "\n".join([*lines, "", *_matrix_lines(report.matrix)])


def cell_text(cell: Cell) -> str:
    """Return the number of a cell's quotes, then the quotes with their citations."""
    head = f"{cell.label}, {cell.value}" if cell.value else cell.label
    lines = [f"{head}: {count(cell.total, 'quote') if cell.total else 'nothing found'}"]
    lines += _excerpt_lines(cell.excerpts)
    if cell.total > len(cell.excerpts):
        lines.append(f"… and {cell.total - len(cell.excerpts):,} more (--most N)")
    return "\n".join(lines)


def comparison_text(rows: Sequence[Sequence[Cell]]) -> str:
    """Return for each topic the quotes of each compared value in turn."""
    found = "\n\n".join("\n".join(map(cell_text, cells)) for cells in rows)
    return found or "Nothing was found for either."


def changes_text(changes: Sequence[Change]) -> str:
    """Return how each topic changed, with its new quotes; then the number of unchanged topics."""
    from qa_app.topics.topic_queries import Trend

    lines: list[str] = []
    for change in changes:
        if change.trend is not Trend.SAME:
            head = f"{change.label}: {change.trend}, {change.before:,} → {change.now:,}"
            lines.append(head + (f", {change.new:,} new" if change.new else ""))
            lines += _excerpt_lines(change.excerpts)
    if same := sum(change.trend is Trend.SAME for change in changes):
        lines.append(f"{count(same, 'topic')} as before.")
    return "\n".join(lines) or "There are no topics."


def _excerpt_lines(excerpts: Iterable[Excerpt]) -> Iterator[str]:
    for excerpt in excerpts:
        yield from _quote_lines(excerpt.quote, excerpt.citation.label)


def _matrix_lines(matrix: Matrix) -> list[str]:
    width = min(_MATRIX_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    shown = max(_MIN_COLUMNS, (width - _LABEL_WIDTH) // (_COLUMN_WIDTH + 2) - 1)
    lines = [f"By {matrix.facet}:", _row_line("", [*matrix.columns[:shown], "total"])]
    for label, counts, total in zip(matrix.labels, matrix.counts, matrix.row_totals, strict=True):
        lines.append(_row_line(label, [f"{n:,}" if n else "" for n in (*counts[:shown], total)]))
    totals = (*matrix.column_totals[:shown], sum(matrix.row_totals))
    lines.append(_row_line("total", [f"{n:,}" for n in totals]))
    if len(matrix.columns) > shown:
        lines.append(f"… and {len(matrix.columns) - shown:,} more columns (--json has all)")
    return [*lines, unplaced] if (unplaced := unplaced_text(matrix)) else lines


def _row_line(
    label: str, cells: Sequence[str], label_width: int = _LABEL_WIDTH, width: int = _COLUMN_WIDTH
) -> str:
    line = _shorten(label, label_width).ljust(label_width)
    parts = (f"  {_shorten(cell, width).rjust(width)}" for cell in cells)
    return (line + "".join(parts)).rstrip()


def brief_text(brief: Brief) -> str:
    """Return a brief, each item with its number."""
    lines = [f"{brief.title}: {count(len(brief.pins), 'quote')}"]
    for item in brief.items:
        lines.append("")
        if item.pin is None:
            lines.append(f"[{item.id}] {item.text}")
        else:
            lines += [*_pin_lines(item.pin, f"[{item.id}] "), *_wrap(item.text, "    ")]
    if not brief.items:
        lines.append("Pin something: qa-app brief add QUESTION")
    return "\n".join(lines)


def export_text(written: Mapping[str, Any]) -> str:
    """Return the name of an exported file, its number of quotes, and its size."""
    return f"{written['file']}: {count(written['quotes'], 'quote')}, {written['bytes']:,} bytes."


def checks_text(checks: Sequence[Check]) -> str:
    """Return how many quotes of a brief have each standing, then those with a reason given."""
    tally = Counter(str(check.standing) for check in checks)
    standings = ", ".join(f"{n} {name}" for name, n in tally.items())
    lines = [f"{count(len(checks), 'quote')}: {standings}"]
    for check in checks:
        if check.reason:
            note = f"note {check.claim.number}" if check.claim.number else "no note"
            lines.append(f"  {note} ({check.standing}): {check.reason}")
            lines += _wrap(_shorten(check.claim.words, 90), "    ")
    return "\n".join(lines)


def grid_text(grid: Grid) -> str:
    """Return a grid as a table of marks, of the columns that have any; then every quote."""
    filled = {cell.value for _, cell in grid.cells}
    columns = [value for value in grid.columns if value in filled]
    width = min(_MATRIX_WIDTH, shutil.get_terminal_size((100, 24)).columns)
    shown = columns[: max(_MIN_COLUMNS, (width - _QUESTION_WIDTH) // (_VALUE_WIDTH + 2))]
    widths = (_QUESTION_WIDTH, _VALUE_WIDTH)
    lines = [_row_line(f"By {grid.facet}:", shown, *widths)]
    for row in grid.rows:
        cells = [_grid_mark(row.cell(value)) for value in shown]
        cells = cells if row.stamp else ["not asked"]
        lines.append(_row_line(f"[{row.id}] {row.question}", cells, *widths))
    if more := columns[len(shown) :]:
        lines += _wrap(f"… and {listed(more)}, below (--out FILE.xlsx has the whole table).")
    if empty := [value for value in grid.columns if value not in filled]:
        lines += _wrap(f"Nothing for {listed(empty)}.")
    for row, cell in grid.cells:
        said = f", {cell.mark.judgement}" if cell.mark else ""
        said += " (changed since it was marked)" if cell.changed_since_marked else ""
        lines += ["", f"[{row.id}] {row.question}", f"    {_grid_mark(cell)} {cell.value}{said}"]
        if cell.mark and cell.mark.note:
            lines += _wrap(cell.mark.note, "    ")
        for quote in cell.quotes:
            lead_in = quote.lead_in.text if quote.lead_in else ""
            lines += _quote_lines(quote.text, quote.citation.label, lead_in, "      ")
    return "\n".join(lines)


def _grid_mark(cell: GridCell) -> str:
    mark = _SUPPORT_MARK[cell.support] if cell.support else ""
    return f"{mark} new" if cell.is_new else mark


def grids_text(grids: Sequence[Grid]) -> str:
    """Return the names of the grids, each with its size."""
    lines = [f"{grid.name}: {count(len(grid.rows), 'question')} by {grid.facet}" for grid in grids]
    return "\n".join(lines) or "No grids. Make one: qa-app grid QUESTIONS.txt --facet document"


def saved_text(saved: SavedQuestions) -> str:
    """Return the saved questions, each with its new evidence."""
    lines: list[str] = []
    for item in saved.items:
        lines.append(f"[{item.id}] {item.question}")
        lines += [f"    {facet}: {', '.join(values)}" for facet, values in item.filters.items()]
        lines.append(f"    {item.trouble or (count(len(item.new), 'new finding'))}")
        for pin in item.new:
            lines += _pin_lines(pin, "    ● ")
    return "\n".join(lines) or "No saved questions. Save one: qa-app saved add QUESTION"


def news_text(items: Iterable[SavedQuestion]) -> str:
    """Return one line for each saved question that has new evidence."""
    return "\n".join(
        f"{count(len(item.new), 'new finding')} for “{item.question}” (qa-app saved check)"
        for item in items
    )


def _pin_lines(pin: Pin, head: str) -> list[str]:
    lead_in = pin.lead_in.text if pin.lead_in else ""
    return [f"{head}{pin.about}", *_quote_lines(pin.quote.text, pin.quote.citation.label, lead_in)]


def evaluation_text(evaluation: Evaluation, with_misses: bool = False) -> str:
    """Return an evaluation: metrics, the comparison if there is one, the misses if asked for."""
    lines = [_figure_line(name, value) for name, value in evaluation.figures.items()]
    if evaluation.comparison is not None:
        lines += ["", *_difference_lines(evaluation.comparison, evaluation.figures)]
    if with_misses:
        total = count(len(evaluation.misses), "miss")
        lines += ["", f"{total} of {count(evaluation.figures['queries'], 'question')}"]
        lines += [line for item in evaluation.misses for line in _miss_lines(item)]
    return "\n".join(lines)


def _figure_line(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return f"{name:<22} " + ", ".join(f"{key} {_figure(item)}" for key, item in value.items())
    return f"{name:<22} {_figure(value)}"


def _figure(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _difference_lines(comparison: Comparison, figures: Mapping[str, Any]) -> Iterator[str]:
    first, second = comparison.names
    yield f"A is {first}; B is {second}. The difference is B less A, with its 95 % interval."
    yield f"{'':<22} {'A':>7} {'B':>7}  {'difference':<28} {'p':<6}  better worse tied"
    for name, found in comparison.differences.items():
        low, high = found.interval
        a, b = _figure(figures[name]), _figure(comparison.figures[name])
        difference = f"{found.mean:+.4f} ({low:+.4f} to {high:+.4f})"
        counts = f"{found.better:>6} {found.worse:>5} {found.tied:>4}"
        yield f"{name:<22} {a:>7} {b:>7}  {difference:<28} {found.p_value:<6.4f}  {counts}"


def _miss_lines(item: Scored) -> Iterator[str]:
    yield ""
    yield from _wrap(f"{item.id}: {item.question}", "  ")
    expected = "; ".join(item.expected[:_MAX_EXPECTED]) or "a refusal"
    more = len(item.expected) - _MAX_EXPECTED
    yield from _wrap(f"expected {expected}{f' and {more} more' if more > 0 else ''}", "    ")
    if item.rank is not None:
        yield f"    which first came at rank {item.rank}"
    if item.verdict is Verdict.NOT_FOUND:
        yield "    refused; nearest:"
    for quote in item.came:
        words = _shorten(quote.text, _MAX_QUOTE)
        yield from _wrap(f"came: {quote.citation.label}: “{words}”", "    ")


def _wrap(text: str, indent: str = "") -> list[str]:
    """Return a text's lines, wrapped to the terminal's width (at most 100), each indented."""
    width = min(_MAX_WIDTH, shutil.get_terminal_size().columns)
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent)
    return lines


def _shorten(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder="…")
