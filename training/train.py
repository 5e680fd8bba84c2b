"""Train the reader: first on general questions, then on those written for this project.

    python -m training.train --data DATA --index INDEX --out FOLDER --stage general
    python -m training.train --data DATA --index INDEX --out FOLDER --stage twins \\
        --start-from FOLDER/general.pt

A checkpoint is written every 400 steps, and a run with the same arguments resumes from it.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import BertForQuestionAnswering

from qa_app.model_files import find_folder
from qa_app.reader import load_tokenizer
from qa_app.settings import DEFAULT_MODEL
from training import mixture
from training.examples import Example
from training.measure import measure
from training.model import Encoded, collate, has_answer, load_model, logits, tokenize

SEED = 20
BATCH = 16  # least examples of a batch; a question and its near misses stay together
_WARM_UP = 0.05  # share of the steps over which the learning rate rises
_CLIP = 1.0  # largest norm of the gradient
_SORTED_OVER = 40  # batches whose examples are sorted by length together, to save padding
_AVERAGED = 0.998  # decay of the moving average of the weights, which is the model saved
_PAIR_WEIGHT = 0.5  # of the loss that sets an answerable question above its near misses
_CHECKPOINT_EVERY = 400  # steps


def main() -> None:
    """Run the command line."""
    given = _arguments()
    torch.manual_seed(SEED)
    torch.set_num_threads(given.threads)
    given.out.mkdir(parents=True, exist_ok=True)
    learn, held = mixture.build(
        given.stage, given.data, given.index, given.questions, given.negatives, SEED
    )
    if given.share < 1:
        learn = random.Random(SEED).sample(learn, int(len(learn) * given.share))
    print(
        f"{len(learn):,} examples to learn from; held: "
        + ", ".join(f"{name} {len(items):,}" for name, items in held.items()),
        flush=True,
    )
    train(given, learn, held)


def train(given: argparse.Namespace, learn: list[Example], held: dict[str, list[Example]]) -> None:
    """Train on the examples, and write FOLDER/STAGE.pt with the averaged weights."""
    tokenizer = load_tokenizer(find_folder(DEFAULT_MODEL))
    model = load_model(given.start_from)
    trained = [p for p in model.parameters() if p.requires_grad]
    averaged = [p.detach().clone() for p in trained]
    optimizer = torch.optim.AdamW(trained, lr=given.rate, weight_decay=0.01, fused=True)
    batches = list(_batches(_units(learn), tokenizer, random.Random(SEED), given.epochs))
    total, first = len(batches), 0
    resume = given.out / f"{given.stage}.resume.pt"
    if resume.exists():
        state = torch.load(resume, weights_only=True)
        model.load_state_dict(state["model"], strict=False)
        averaged = state["averaged"]
        optimizer.load_state_dict(state["optimizer"])
        first = state["step"]
    started, seen, losses = time.time(), 0, []
    for step in range(first, total):
        for group in optimizer.param_groups:
            group["lr"] = given.rate * _schedule(step / total, given.last_rate)
        items, pairs = batches[step]
        batch = collate(items, pairs)
        model.train()
        with torch.autocast("cpu", torch.bfloat16):
            start, end = logits(model, batch)
        loss = _loss(start, end, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, _CLIP)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch._foreach_lerp_(
            averaged, [p.detach() for p in trained], 1 - min(_AVERAGED, (step + 1) / (step + 10))
        )
        seen += len(items)
        losses.append(loss.item())
        if (step + 1) % 100 == 0:
            pace = seen / (time.time() - started)
            mean = sum(losses[-100:]) / 100
            print(f"step {step + 1} of {total}, loss {mean:.3f}, {pace:.1f} a second", flush=True)
        if (step + 1) % _CHECKPOINT_EVERY == 0 or step + 1 == total:
            last = {
                "model": _state(model),
                "averaged": averaged,
                "optimizer": optimizer.state_dict(),
                "step": step + 1,
            }
            torch.save(last, resume)
            _save(given.out / f"{given.stage}.pt", model, trained, averaged)
        if (step + 1) % given.evaluate_every == 0 or step + 1 == total:
            _report(given, model, trained, averaged, tokenizer, held, step + 1)


def _report(
    given: Any, model: Any, trained: Any, averaged: Any, tokenizer: Any, held: Any, step: int
) -> None:
    own = [p.detach().clone() for p in trained]
    _put(trained, averaged)
    for name, items in held.items():
        figures = {key: round(value, 4) for key, value in measure(model, tokenizer, items).items()}
        line = json.dumps({"stage": given.stage, "step": step, "held": name, **figures})
        print(line, flush=True)
        with (given.out / "log.jsonl").open("a") as log:
            log.write(line + "\n")
    _put(trained, own)


def _loss(start: torch.Tensor, end: torch.Tensor, batch: Any) -> torch.Tensor:
    cross = torch.nn.functional.cross_entropy
    loss = (cross(start, batch.starts) + cross(end, batch.ends)) / 2
    if len(batch.pairs):
        score = has_answer(start, end)
        apart = score[batch.pairs[:, 0]] - score[batch.pairs[:, 1]]
        loss = loss + _PAIR_WEIGHT * torch.nn.functional.softplus(-apart / 2).mean()
    return loss


def _schedule(done: float, last: float) -> float:
    if done < _WARM_UP:
        return done / _WARM_UP + 1e-3
    return last + (1 - last) * (1 - (done - _WARM_UP) / (1 - _WARM_UP))


def _units(examples: Sequence[Example]) -> list[list[Example]]:
    """Return units that stay in one batch: single examples, and examples of the same pair."""
    pairs: dict[str, list[Example]] = {}
    units = []
    for item in examples:
        if item.pair:
            pairs.setdefault(item.pair, []).append(item)
        else:
            units.append([item])
    return units + list(pairs.values())


def _batches(
    units: list[list[Example]], tokenizer: Any, rng: random.Random, epochs: float
) -> Iterator[tuple[list[Encoded], list[tuple[int, int]]]]:
    """Yield (examples, pairs) batches of similar input lengths, in random order."""
    flat = [item for unit in units for item in unit]
    encoded = iter(tokenize(tokenizer, flat))
    kept = [
        [(item, found) for item in unit if (found := next(encoded)) is not None] for unit in units
    ]
    kept = [unit for unit in kept if unit]
    order: list[Any] = []
    while epochs > 0:
        rng.shuffle(kept)
        order += kept[: math.ceil(len(kept) * min(epochs, 1.0))]
        epochs -= 1
    most = BATCH * _SORTED_OVER
    block: list[Any] = []
    for n, unit in enumerate(order):
        block.append(unit)
        if sum(map(len, block)) >= most or n + 1 == len(order):
            block.sort(key=lambda some: len(some[0][1].given.ids))
            made, now = [], []
            for some in block:
                now += some
                if len(now) >= BATCH:
                    made.append(now)
                    now = []
            made += [now] if now else []
            rng.shuffle(made)
            for some in made:
                yield [found for _, found in some], _pairs([item for item, _ in some])
            block = []


def _pairs(items: Sequence[Example]) -> list[tuple[int, int]]:
    """Return indices of each answerable question with each of its near misses."""
    by_pair: dict[str, dict[bool, list[int]]] = {}
    for place, item in enumerate(items):
        if item.pair:
            by_pair.setdefault(item.pair, {True: [], False: []})[item.answerable].append(place)
    return [
        (right, wrong)
        for sides in by_pair.values()
        for right in sides[True]
        for wrong in sides[False]
    ]


def _state(model: BertForQuestionAnswering) -> dict[str, torch.Tensor]:
    """Return all weights but the word embeddings, which are the encoder's."""
    return {k: v for k, v in model.state_dict().items() if "word_embeddings" not in k}


def _save(path: Path, model: Any, trained: list[Any], averaged: list[Any]) -> None:
    own = [p.detach().clone() for p in trained]
    _put(trained, averaged)
    torch.save({"model": {k: v.clone() for k, v in _state(model).items()}}, path)
    _put(trained, own)


def _put(parameters: Sequence[torch.Tensor], values: Sequence[torch.Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(parameters, values, strict=True):
            parameter.copy_(value)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the given sets")
    parser.add_argument(
        "--index", type=Path, required=True, help="index of training.sources' corpus"
    )
    parser.add_argument("--questions", type=Path, default=Path("training/questions"))
    parser.add_argument("--negatives", type=Path, default=Path("negatives.jsonl"))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--stage", choices=("general", "twins"), required=True)
    parser.add_argument("--start-from", type=Path)
    parser.add_argument("--rate", type=float, default=1.5e-4)
    parser.add_argument("--last-rate", type=float, default=0.1, help="share of the rate at the end")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--share", type=float, default=1.0, help="of the examples, for curves")
    parser.add_argument("--evaluate-every", type=int, default=800)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


if __name__ == "__main__":
    main()
