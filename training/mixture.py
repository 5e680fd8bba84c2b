"""Selects the training examples of each stage, and the held-out examples that measure it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from training import examples as ex
from training.examples import Example
from training.negatives import hard_negatives
from training.questions import load_questions

# Documents held out from training, besides those kept for measuring: questions about them serve to
# choose checkpoints and to calibrate scores.
DEVELOPMENT = frozenset(
    {
        "uk/leveson-inquiry-html/F-chapter7.html",
        "uk/leveson-inquiry-html/A-chapter3.html",
        "uk/inquiries-pdf/Report1Response.pdf",
        "uk/inquiries-pdf/WASPI-Recomm.pdf",
        "other/us-federal/NARA2022.pdf",
        "uk/service-manual/measurement.md",
        "uk/service-manual/assisted-digital.md",
        "uk/nhs/27062024-Tirzepatide-for-type-2-diabetes-prescribing-support-document-002.pdf",
        "uk/nhs/Commissioning-policy-individual-funding-requests-v3.pdf",
        "uk/approved-documents/Text-Approved_Document_S-Content.txt",
        "gov.uk:divorce",
        "gov.uk:employment-tribunals",
        "gov.uk:capital-gains-tax",
        "gov.uk:school-discipline-exclusions",
        "policy:Orlando",
        "policy:Spokane",
        "policy:Plano",
    }
)
# Files of "which …" questions that are not trained on: rows are calibrated on them.
HELD_FILES = ("which-6", "which-7")
_HELD_PAIRS = tuple(f"own:{name}-" for name in HELD_FILES)
# Most held-out examples of squad2-half: measuring takes as long as training on a third as many.
_MOST_HELD = 1_200


def build(
    stage: str, data: Path, index: Path, questions: Path, negatives: Path, seed: int
) -> tuple[list[Example], dict[str, list[Example]]]:
    """Return the training examples of a stage, and the held-out examples by name."""
    rng = random.Random(seed)
    squad, squad_held = ex.squad2_half(data / "eval/squad2-half")
    every = ex.twins(ex.read_lines(data / "reader/reports.jsonl"))
    every += ex.twins(load_questions(questions, index), "own")
    own = [
        item
        for item in every
        if item.group not in DEVELOPMENT and not item.pair.startswith(_HELD_PAIRS)
    ]
    held = {
        "twins": [item for item in every if item.group in DEVELOPMENT],
        "squad2-half": rng.sample(squad_held, min(_MOST_HELD, len(squad_held))),
    }
    general = _general(data, squad, rng)
    if stage == "general":
        learn = general + own
        learn += ex.with_other_passage(own, rng, 0.5)
    else:
        near = hard_negatives(own, negatives, 2)
        learn = own + rng.sample(near, min(len(near), len(own) // 3))
        # Earlier data is mixed in, so that what it taught is not forgotten.
        learn += squad + rng.sample(general, min(len(general), len(own) // 10))
    return learn, held


def _general(data: Path, squad: Sequence[Example], rng: random.Random) -> list[Example]:
    reader = data / "reader"
    found = [*squad, *ex.clapnq(data / "eval/clapnq")]
    found += ex.policyqa(data / "eval/policyqa", 1_500, rng)
    found += ex.qamr(reader / "qamr.jsonl", 11_000, rng)
    for name, most in (
        ("unansq", 3_610), ("nq-oracle", 2_654), ("qed", 1_355), ("selqa", 2_375),
        ("medquad", 2_000), ("fairytale", 2_500),
    ):  # fmt: skip
        found += ex.general(reader / f"{name}.jsonl", most, rng)
    cut = [ex.without_answer(item) for item in found if item.answerable and rng.random() < 0.2]
    found += [item for item in cut if item is not None]
    found += ex.with_other_passage(squad, rng, 0.25)
    return found
