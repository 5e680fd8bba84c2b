"""Finds the words of a passage that answer a question, with an extractive reader.

The model (Devlin et al., BERT, 2019; Rajpurkar et al., SQuAD 2.0, 2018) gives for every token of a
passage a logit that an answer begins or ends there; the first token's logits stand for no answer.
There is no time limit on reading, so that results do not depend on the machine's speed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qa_app.arrays import FloatArray, IntArray, SpanArray
from qa_app.embedding import (
    batches_by_length,
    model_libraries,
    one_thread,
    quiet_libraries,
    torch_threads,
)
from qa_app.errors import EmbeddingError
from qa_app.model_files import (
    find_folder,
    hash_weights,
    read_identity,
    read_json,
    refuse_code,
)
from qa_app.models import Passage, ReaderIdentity
from qa_app.settings import DEFAULT_MODEL, DEFAULT_READER

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# The default reader's name in answers and briefs.
_NAME = "qa_app-reader"
# The default reader's weights without the word embeddings, which are the default encoder's.
_WEIGHTS = "reader.safetensors"
_WEIGHTS_SHA256 = "52b8d0ffd109177eebaf27897493eeb635fc8075c6a1154899f34ebb6c92a1ff"
_WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"
_LEAST_MARKS = 3  # special tokens: before the question, between it and the passage, at the end
# Most passages in one batch.
_BATCH = 8
# Longest question, and longest title with headings, in tokens: few are longer.
MOST_QUESTION_TOKENS = 48
MOST_HEADER_TOKENS = 64
# Longest input in tokens: the number of positions of BERT and similar models.
_MOST_TOKENS = 512
_RESERVED = 2  # positions that some models (RoBERTa) count but do not use
# Longest answer in tokens: in longer spans, start and end usually belong to different answers.
MOST_SPAN_TOKENS = 40


@dataclass(frozen=True, slots=True)
class Span:
    """Words that may answer.

    Attributes:
        start, end: character offsets in the passage's text.
        score: logit of the span less that of no answer.
    """

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class PassageReading:
    """The reader's output for one passage.

    Attributes:
        starts, ends: float32, shape (tokens,): logits that an answer begins or ends at each token
            of the passage.
        offsets: int32, shape (tokens, 2): each token's character span in the passage's text.
        none: logit that the passage does not answer: the first token's start plus end logit.
    """

    starts: FloatArray
    ends: FloatArray
    offsets: SpanArray
    none: float

    def best(self, start: int = 0, end: int | None = None) -> Span | None:
        """Return the best span within the characters ``start:end`` of the passage.

        None if the stretch has no tokens, as beyond the token limit.
        """
        inside = self.offsets[:, 0] >= start
        if end is not None:
            inside &= self.offsets[:, 1] <= end
        places = np.flatnonzero(inside)
        if not len(places):
            return None
        first, last = best_span(self.starts[places], self.ends[places])
        first, last = int(places[first]), int(places[last])
        score = float(self.starts[first] + self.ends[last]) - self.none
        return Span(int(self.offsets[first, 0]), int(self.offsets[last, 1]), score)


class Reader(Protocol):
    """Interface of readers."""

    @property
    def identity(self) -> ReaderIdentity:
        """Return name and weights of the reader, without loading it."""
        ...

    def read(
        self, question: str, passages: Sequence[Passage], values: Sequence[str] = ()
    ) -> list[PassageReading]:
        """Return one reading per passage, in the same order.

        Args:
            question: as it was asked.
            values: the facet value that each passage is read for in a "which …" question; empty
                for other questions.
        """
        ...

    def load(self) -> None:
        """Load the model now, so that the first question does not wait for it."""
        ...


class ExtractiveReader:
    """A question-answering model of transformers on the CPU. Safe to use from several threads.

    Args:
        model: ``default``, a model's folder, or its name if it is in the local cache. Nothing is
            downloaded.

    Raises:
        EmbeddingError: the model is not on this machine, is no extractive reader, or its folder
            holds files that can run code.
    """

    def __init__(self, model: str = DEFAULT_READER) -> None:
        self._lock = threading.Lock()
        self._loaded: tuple[Any, Tokenizer, int] | None = None
        self._own = model == DEFAULT_READER
        self._folder = find_folder(DEFAULT_MODEL if self._own else model)
        self._name = _NAME if self._own else Path(model).name
        if not self._own:
            refuse_code(self._folder)
            _check_kind(model, self._folder)

    @cached_property
    def identity(self) -> ReaderIdentity:
        """Name and weights of the reader, without loading it."""
        weights = _WEIGHTS_SHA256 if self._own else hash_weights(self._folder)
        return ReaderIdentity(self._name, weights)

    def load(self) -> None:
        """Load the model now, so that the first question does not wait for it."""
        self._load()

    def read(
        self, question: str, passages: Sequence[Passage], values: Sequence[str] = ()
    ) -> list[PassageReading]:
        """Return one reading per passage, in the same order."""
        model, tokenizer, most = self._load()
        named = values or [""] * len(passages)
        headers = [
            header(passage.title, passage.section, value)
            for passage, value in zip(passages, named, strict=True)
        ]
        marks = Marks.of(tokenizer)
        asked = [question] * len(passages)
        inputs = encode(tokenizer, marks, asked, headers, [p.text for p in passages], most)
        found: dict[int, PassageReading] = {}
        lengths = [len(item.ids) for item in inputs]
        batches = _shares(lengths) if self._own else batches_by_length(lengths, _BATCH)
        parts = [[inputs[place] for place in places] for places in batches]
        # One pool for all who ask: one of them alone has every core, many share them evenly.
        for places, some in zip(
            batches, self._pool.map(lambda part: _run(model, part, marks), parts), strict=True
        ):
            found |= dict(zip(places.tolist(), some, strict=True))
        return [found[place] for place in range(len(inputs))]

    def _load(self) -> tuple[Any, Tokenizer, int]:
        with self._lock:
            if self._loaded is None:
                model = _load_default(self._folder) if self._own else _load_other(self._folder)
                self._pool = ThreadPoolExecutor(torch_threads(), thread_name_prefix="reading")
                positions = _MOST_TOKENS if self._own else model.config.max_position_embeddings
                most = min(_MOST_TOKENS, positions - _RESERVED)
                self._loaded = model, load_tokenizer(self._folder), most
            return self._loaded


def header(title: str, section: Sequence[str] = (), value: str = "") -> str:
    """Return the text put before a passage: facet value, title and last two headings.

    Args:
        section: headings above the passage, outermost first.
        value: the facet value that a "which …" question is read for, or "".
    """
    parts = [part for part in (value, title, *section[-2:]) if part]
    return ". ".join(dict.fromkeys(parts)) + "." if parts else ""


def best_span(starts: FloatArray, ends: FloatArray) -> tuple[int, int]:
    """Return first and last token of the best span of at most ``MOST_SPAN_TOKENS``.

    Args:
        starts, ends: float32, shape (tokens,), at least one.
    """
    sums = starts[:, None] + ends[None, :]
    ahead = np.arange(len(ends))[None, :] - np.arange(len(starts))[:, None]
    sums[(ahead < 0) | (ahead >= MOST_SPAN_TOKENS)] = -np.inf
    first, last = np.unravel_index(int(np.argmax(sums)), sums.shape)
    return int(first), int(last)


@dataclass(frozen=True, slots=True)
class Marks:
    """Ids of the special tokens that a model puts around question and passage.

    Attributes:
        first: begins the input; its logits also stand for no answer.
        between: between question and passage, usually one or two.
        last: ends the input.
        typed: whether token types mark the second part.
    """

    first: int
    between: tuple[int, ...]
    last: int
    typed: bool

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Marks:
        """Return the special tokens of a tokenizer; ``EmbeddingError`` if it puts too few."""
        pair = tokenizer.encode("a", "a")
        marks = [n for n, special in enumerate(pair.special_tokens_mask) if special]
        if len(marks) < _LEAST_MARKS:
            raise EmbeddingError(
                "The reader's tokenizer puts no marks around question and passage.",
                "Give a model of the kind of BERT, RoBERTa or DeBERTa, or --reader none.",
            )
        first, *between, last = marks
        ids = pair.ids
        return cls(
            ids[first],
            tuple(ids[n] for n in between),
            ids[last],
            max(pair.type_ids) > 0,
        )


@dataclass(frozen=True, slots=True)
class ReaderInput:
    """One question with a passage, in tokens.

    Attributes:
        ids: token ids, special tokens included.
        second: index in ``ids`` at which the header begins.
        passage: index in ``ids`` at which the passage begins.
        offsets: int32, shape (tokens, 2): character spans of the passage's tokens in its text.
    """

    ids: list[int]
    second: int
    passage: int
    offsets: SpanArray


def encode(
    tokenizer: Tokenizer,
    marks: Marks,
    questions: Sequence[str],
    headers: Sequence[str],
    passages: Sequence[str],
    most: int,
) -> list[ReaderInput]:
    """Return each question with its header and passage in tokens, cut to ``most`` tokens."""
    asked = tokenizer.encode_batch(list(questions), add_special_tokens=False)
    heads = tokenizer.encode_batch(list(headers), add_special_tokens=False)
    texts = tokenizer.encode_batch(list(passages), add_special_tokens=False)
    found = []
    for question, head, text, passage in zip(asked, heads, texts, passages, strict=True):
        front = [marks.first, *_shortened(question.ids), *marks.between]
        second = len(front)
        front = [*front, *head.ids[:MOST_HEADER_TOKENS]][: most - 2]
        room = most - len(front) - 1
        ids = [*front, *text.ids[:room], marks.last]
        places = _places(text.offsets[:room], passage)
        found.append(ReaderInput(ids, second, len(front), places))
    return found


def _places(offsets: Sequence[tuple[int, int]], text: str) -> SpanArray:
    """Return the tokens' spans in a text, without leading blanks that some tokenizers include."""
    places = [
        (end - len(text[start:end].lstrip()) if text[start:end].strip() else start, end)
        for start, end in offsets
    ]
    return np.array(places, dtype=np.int32).reshape(-1, 2)


def _shortened(question: Sequence[int]) -> list[int]:
    """Return a question's tokens; of a long one beginning and end, as either may hold the point."""
    if len(question) <= MOST_QUESTION_TOKENS:
        return list(question)
    half = MOST_QUESTION_TOKENS // 2
    return [*question[:half], *question[-half:]]


def _shares(lengths: Sequence[int]) -> list[IntArray]:
    """Return the places of inputs in about equal shares: at least one a thread, none over a batch.

    Read together, eight of different lengths take an eighth less time than one by one.
    """
    count = max(-(-len(lengths) // _BATCH), min(torch_threads(), len(lengths)))
    shares: list[list[int]] = [[] for _ in range(count)]
    tokens = [0] * count
    for place in np.argsort(-np.array(lengths), kind="stable").tolist():
        open_to = [n for n in range(count) if len(shares[n]) < _BATCH]
        least = min(open_to, key=tokens.__getitem__)
        shares[least].append(place)
        tokens[least] += lengths[place]
    return [np.array(share) for share in shares]


def _run(model: Any, inputs: Sequence[ReaderInput], marks: Marks) -> list[PassageReading]:
    ids = [item.ids for item in inputs]
    types = [[0] * item.second + [1] * (len(item.ids) - item.second) for item in inputs]
    with one_thread():
        logits = _logits(model, ids, types if marks.typed else None)
    return [
        PassageReading(
            starts[item.passage : -1].copy(),
            ends[item.passage : -1].copy(),
            item.offsets,
            float(starts[0] + ends[0]),
        )
        for item, (starts, ends) in zip(inputs, logits, strict=True)
    ]


def _logits(
    model: Any, ids: Sequence[Sequence[int]], types: Sequence[Sequence[int]] | None
) -> list[FloatArray]:
    """Return each input's logits, float32, shape (2, tokens).

    Args:
        ids, types: all of one length, unless it is the default reader.
    """
    import torch

    from qa_app.bert import BertReader

    if isinstance(model, BertReader):
        return [each.float().numpy().T for each in model.read(ids, types or [])]
    asked = torch.tensor(ids)
    given = {"input_ids": asked, "attention_mask": torch.ones_like(asked)}
    if types is not None:
        given["token_type_ids"] = torch.tensor(types)
    with torch.inference_mode():
        out = model(**given)
    pairs = zip(out.start_logits.float().numpy(), out.end_logits.float().numpy(), strict=True)
    return [np.stack(pair) for pair in pairs]


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return a reader's tokenizer, without truncation or padding.

    Raises:
        EmbeddingError: the folder has no ``tokenizer.json``.
    """
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.exists():
        raise EmbeddingError(
            f"The folder {folder} holds no tokenizer.json.",
            "Save the reader with its fast tokenizer (save_pretrained of transformers does).",
        )
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _load_default(encoder: Path) -> Any:
    """Return the default reader: its own weights with the default encoder's word embeddings.

    Raises:
        EmbeddingError: either file of weights is missing or not the published one.
    """
    path = resources.files("qa_app").joinpath(_WEIGHTS)
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise EmbeddingError(
            f"The reader's weights, {_WEIGHTS}, cannot be read: {exc}.",
            "Install qa_app again, or go on without: --reader none.",
        ) from exc
    digest = hashlib.sha256(content).hexdigest()
    if digest != _WEIGHTS_SHA256:
        raise EmbeddingError(
            f"The reader's weights are not the published ones (SHA-256 {digest}).",
            "Fetch qa_app/reader.safetensors again, or go on without: --reader none.",
        )
    read_identity(DEFAULT_MODEL, encoder)  # raises if the encoder's weights are not the published
    with quiet_libraries():
        from safetensors import safe_open
        from safetensors.torch import load

        from qa_app.bert import BertReader

        weights = {name.removeprefix("bert."): tensor for name, tensor in load(content).items()}
        with safe_open(encoder / "model.safetensors", "pt") as file:
            weights[_WORD_EMBEDDINGS] = file.get_tensor(_WORD_EMBEDDINGS)
        return BertReader(weights)


def _load_other(folder: Path) -> Any:
    with model_libraries() as (_, transformers, dtype):
        try:
            return transformers.AutoModelForQuestionAnswering.from_pretrained(
                folder,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                dtype=dtype,
            ).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            raise EmbeddingError(
                f"The reader in {folder} cannot be loaded: {exc}",
                "Give the folder of a question-answering model saved as safetensors.",
            ) from exc


def _check_kind(name: str, folder: Path) -> None:
    kinds = read_json(folder / "config.json").get("architectures") or ()
    # For any other model, transformers would add a head with random weights.
    if not any(str(kind).endswith("ForQuestionAnswering") for kind in kinds):
        raise EmbeddingError(
            f"The model {name!r} is no extractive reader.",
            "Give a question-answering model of transformers (its config.json names a class "
            "that ends in ForQuestionAnswering), or --reader none.",
        )
