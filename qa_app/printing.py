"""What the command line prints for people, and its progress bar."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from qa_app.models import (
    Answer,
    BuildReport,
    Citation,
    Failure,
    Finding,
    Relation,
    SearchResult,
    Support,
    Verdict,
)
from qa_app.presentation import also_in_text, count, coverage_text, doubt_text, reranked

if TYPE_CHECKING:
    from qa_app.evaluation import Comparison, Evaluation, Scored
    from qa_app.retrieval.filters import FilterChoices
    from qa_app.verification import VerifyReport

# More values of a facet than this are not read through.
_MOST_VALUES = 12
# Of a question that was missed: so much of what was expected and of each thing that came.
_MOST_EXPECTED = 5
_LONGEST_CAME = 160
_MARK = {Support.STRONG: "●", Support.PARTIAL: "◐"}
_RELATION = {Relation.EARLIER: "earlier"}


_LONGEST_HINT = 60  # characters of a quote that stands for the whole


class Progress:
    """A progress bar on standard error, one a stage; silent where that is not a terminal."""

    def __init__(self) -> None:
        self._bar: Any = None

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of ``total`` steps; the one before is finished."""
        from tqdm import tqdm

        self.close()
        if total:
            self._bar = tqdm(
                total=total, desc=name, file=sys.stderr, leave=False, disable=None, unit=""
            )

    def advance(self, steps: int, label: str = "") -> None:
        """Say that ``steps`` more are done; ``label`` names what is at hand, as a file."""
        if self._bar is not None:
            self._bar.set_postfix_str(label, refresh=False)
            self._bar.update(steps)

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def build_text(report: BuildReport) -> str:
    """Return the build's summary for people."""
    total = report.added + report.changed + report.unchanged
    lines = [
        f"Generation {report.generation}: {count(total, 'document')} "
        f"({report.added} added, {report.changed} changed, {report.removed} removed, "
        f"{report.unchanged} unchanged), {count(report.passages, 'passage')}; "
        f"{report.embedded} embedded, {report.reused} reused, in {report.seconds:.1f} s."
    ]
    lines += _failure_lines(report.failures, "could not be read")
    lines += _failure_lines(report.warnings, "were read in part", "was read in part")
    return "\n".join(lines)


def answer_text(answer: Answer, unknown: str = "") -> str:
    """Return an answer for people: verdict, rows, coverage, then the nearest passages.

    ``unknown`` says which of the question's words no report has.
    """
    lines: list[str] = []
    if answer.verdict is Verdict.NOT_FOUND:
        lines += ["The reports do not say.", *wrap(unknown, "")]
        if answer.passages:
            lines += ["", "Nearest passages:"]
    elif answer.findings:
        if doubt := doubt_text(answer):
            lines += [*wrap(doubt, ""), ""]
        for finding in answer.findings:
            lines += [*_finding_lines(finding), ""]
    if answer.coverage is not None:
        lines += [coverage_text(answer.coverage), ""]
    if answer.verdict is Verdict.ANSWERED and answer.passages:
        lines.append("Passages:")
    lines += [results_text(answer.passages[:3])] if answer.passages else []
    return "\n".join(lines).rstrip()


def verified_text(report: VerifyReport) -> str:
    """Return in one line whether an answer stands as the files have it; what does not, below."""
    quotes, passages = count(report.quotes, "quote"), count(report.passages, "passage")
    verdict = "not all of it stands there" if report.bad else "all as the reports have it"
    lines = [f"Checked {quotes} and {passages} in {count(report.files, 'file')}: {verdict}."]
    return "\n".join(lines + [f"  BAD {item.path}: {item.reason}" for item in report.bad])


def explained_text(answer: Answer) -> str:
    """Return how the scores of an answer came about, a quote a line."""
    why = answer.explanation
    if why is None:
        return ""
    lines = [f"Why: an answer or row needs a score of {why.threshold:.2f}."]
    for row in answer.findings or answer.near_misses:
        parts = [
            f"{weight:+.1f} × {name} {row.scores.get(name, 0.0):.2f}"
            for name, weight in why.weights.items()
        ]
        quote = textwrap.shorten(row.quote, _LONGEST_HINT, placeholder="…")
        lines += [f"  {row.score:.2f}  {quote}", f"        {why.intercept:+.1f} {' '.join(parts)}"]
    return "\n".join(lines)


def results_text(results: Sequence[SearchResult]) -> str:
    """Return ranked passages for people."""
    lines: list[str] = []
    for result in results:
        lines.append(f"{result.rank:>3}. {result.citation.label}   [{result.score:.3f}]")
        lines += wrap(result.passage.text, "     ")
        lines += _also_in_lines(result.also_in, "     ")
    if number := reranked(results):
        lines.append(f"The reranker read the first {count(number, 'passage')}.")
    return "\n".join(lines) or "No passages."


def filters_text(choices: FilterChoices) -> str:
    """Return what can be filtered by, a facet a paragraph, each value with its passages."""
    lines: list[str] = []
    for name, counts in choices.values.items():
        lines.append(f"{name}:")
        for value, passages in list(counts.items())[:_MOST_VALUES]:
            lines.append(f"{passages:>8,}  {textwrap.shorten(value, 90, placeholder='…')}")
        if len(counts) > _MOST_VALUES:
            lines.append(f"{'':>8}  and {len(counts) - _MOST_VALUES:,} more (--json has them all)")
    if choices.earliest:
        lines.append(f"date: {choices.earliest} to {choices.latest}")
    if choices.undated:
        verb = "has" if choices.undated == 1 else "have"
        lines.append(f"{count(choices.undated, 'document')} {verb} no date")
    return "\n".join(lines)


def figures_text(figures: Mapping[str, Any]) -> str:
    """Return figures one a line."""
    lines = []
    for name, value in figures.items():
        if isinstance(value, Mapping):
            inner = ", ".join(f"{key} {_figure(item)}" for key, item in value.items())
            lines.append(f"{name:<22} {inner}")
        else:
            lines.append(f"{name:<22} {_figure(value)}")
    return "\n".join(lines)


def evaluation_text(evaluation: Evaluation, with_misses: bool = False) -> str:
    """Return an evaluation for people: figures, the comparison, the misses where asked for."""
    lines = [figures_text(evaluation.figures)]
    if evaluation.comparison is not None:
        lines += ["", *_comparison_lines(evaluation.comparison, evaluation.figures)]
    if with_misses:
        total = count(len(evaluation.misses), "miss")
        lines += ["", f"{total} of {count(evaluation.figures['queries'], 'question')}"]
        lines += [line for item in evaluation.misses for line in _miss_lines(item)]
    return "\n".join(lines)


def verify_text(report: VerifyReport) -> str:
    """Return what was verified, and each thing that is not what it should be."""
    lines = [f"Checked {count(report.files, 'file')} and {count(report.passages, 'passage')}."]
    lines += [f"  BAD {item.path}: {item.reason}" for item in report.bad]
    lines += sorted({f"  {item.hint}" for item in report.bad if item.hint})
    return "\n".join([*lines, "" if report.bad else "All good."]).rstrip()


def status_text(status: Mapping[str, Any]) -> str:
    """Return what is indexed, for people."""
    model = status["model"]
    lines = [
        f"Generation   {status['generation']}, made {status['created']}",
        f"Documents    {status['documents']}",
        f"Passages     {status['passages']}",
        f"Model        {model['name']} ({model['dimension']} dimensions)",
    ]
    failures = [Failure(**item) for item in status["failures"]]
    warnings = [Failure(**item) for item in status["warnings"]]
    lines += _failure_lines(failures, "could not be read")
    lines += _failure_lines(warnings, "were read in part", "was read in part")
    return "\n".join(lines)


def _comparison_lines(comparison: Comparison, figures: Mapping[str, Any]) -> Iterator[str]:
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
    yield from wrap(f"{item.id}: {item.question}", "  ")
    expected = "; ".join(item.expected[:_MOST_EXPECTED]) or "a refusal"
    more = len(item.expected) - _MOST_EXPECTED
    yield from wrap(f"expected {expected}{f' and {more} more' if more > 0 else ''}", "    ")
    if item.rank is not None:
        yield f"    which first came at rank {item.rank}"
    if item.verdict is Verdict.NOT_FOUND:
        yield "    refused; nearest:"
    for quote in item.came:
        words = textwrap.shorten(quote.text, _LONGEST_CAME, placeholder="…")
        yield from wrap(f"came: {quote.citation.label}: “{words}”", "    ")


def _failure_lines(failures: Iterable[Failure], verb: str, singular: str = "") -> list[str]:
    items = list(failures)
    if not items:
        return []
    lines = [f"{count(len(items), 'file')} {singular if len(items) == 1 and singular else verb}:"]
    return lines + [f"  {item.path}: {item.reason}" for item in items]


def _finding_lines(finding: Finding) -> list[str]:
    head = f"{_MARK[finding.support]} "
    head += f"{finding.facet_value} ({finding.support})" if finding.facet_value else finding.support
    if finding.relation is not None:
        head += f", {_RELATION[finding.relation]}"
    lines = [head, *_quote_lines(finding, "    ", dated=bool(finding.others))]
    for other in finding.others:
        if other.relation is not None:
            lines.append(f"    {_RELATION[other.relation]}:")
        lines += _quote_lines(other, "      ", dated=True)
    return lines


def _quote_lines(finding: Finding, indent: str, dated: bool) -> list[str]:
    lead_in = wrap(f"[{finding.lead_in.text}]", indent) if finding.lead_in else []
    date = f" ({finding.date})" if dated and finding.date else ""
    source = f"{indent}— {finding.citation.label}{date}"
    also_in = _also_in_lines(finding.also_in, indent)
    return [*lead_in, *wrap(f"“{finding.quote}”", indent), source, *also_in]


def _also_in_lines(citations: Sequence[Citation], indent: str) -> list[str]:
    return wrap(f"[{also_in_text(citations)}]", indent) if citations else []


def wrap(text: str, indent: str) -> list[str]:
    """Return a text's lines, broken to the terminal's width, each with the indent."""
    width = min(100, shutil.get_terminal_size().columns)
    lines: list[str] = []
    for line in text.splitlines():
        lines += textwrap.wrap(line, width, initial_indent=indent, subsequent_indent=indent)
    return lines


def _figure(value: Any) -> str:
    if value is None:
        return "none"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
