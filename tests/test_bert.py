"""The default models in torch alone give what their libraries give, to the bit."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from conftest import ROOT
from qa_app.arrays import FloatArray
from qa_app.embedding import SentenceTransformerEncoder, model_libraries
from qa_app.model_files import find_folder
from qa_app.settings import DEFAULT_MODEL

pytestmark = pytest.mark.model


def _texts() -> list[str]:
    """Lines of the report, all of it, far over the limit of 256 tokens, and odd texts."""
    (report,) = (ROOT / "corpus").glob("*.txt")
    text = report.read_text(encoding="utf-8")
    lines = [line for line in text.split("\n") if line.strip()]
    return [*lines[:12], text, "", " ", "🙂 naïve Ünïcode 数据", "x" * 300]


def test_vectors_are_the_librarys() -> None:
    texts, folder = _texts(), str(find_folder(DEFAULT_MODEL))
    own = SentenceTransformerEncoder(DEFAULT_MODEL, 0, "query: ")
    # Given by its folder, the same model runs in sentence-transformers.
    library = SentenceTransformerEncoder(folder, 0, "query: ")
    kept: dict[int, FloatArray] = {}
    expected: dict[int, FloatArray] = {}
    rows = own.encode_documents(texts, None, lambda n, _, tokens: kept.update({n: tokens}))
    np.testing.assert_array_equal(
        rows,
        library.encode_documents(texts, None, lambda n, _, tokens: expected.update({n: tokens})),
    )
    for place in range(len(texts)):
        np.testing.assert_array_equal(kept[place], expected[place])
    for text in texts[:2]:
        np.testing.assert_array_equal(own.encode_queries([text]), library.encode_queries([text]))
        np.testing.assert_array_equal(
            own.encode_query_tokens(text), library.encode_query_tokens(text)
        )
    cut = SentenceTransformerEncoder(DEFAULT_MODEL, 64).encode_documents(texts)
    first = rows[:, :64]
    np.testing.assert_allclose(cut, first / np.linalg.norm(first, axis=1, keepdims=True), atol=1e-6)


def test_logits_are_the_librarys() -> None:
    folder = find_folder(DEFAULT_MODEL)
    with model_libraries() as (torch, transformers, dtype):
        from safetensors.torch import load, load_file

        from qa_app.bert import BertReader

        weights = load(resources.files("qa_app").joinpath("reader.safetensors").read_bytes())
        words = "embeddings.word_embeddings.weight"
        weights[f"bert.{words}"] = load_file(folder / "model.safetensors")[words]
        library = transformers.BertForQuestionAnswering(
            transformers.BertConfig.from_pretrained(folder)
        )
        library.load_state_dict(weights)
        lengths = [40, 33, 20, 33]
        ids = [list(range(1000, 1000 + length)) for length in lengths]
        types = [[int(place > 12) for place in range(length)] for length in lengths]
        with torch.inference_mode():
            expected = [
                library.eval().to(dtype)(
                    input_ids=torch.tensor([tokens]), token_type_ids=torch.tensor([kinds])
                )
                for tokens, kinds in zip(ids, types, strict=True)
            ]
    own = BertReader({name.removeprefix("bert."): each for name, each in weights.items()})
    # Whatever is read together: texts of several lengths here, one alone in the library.
    for found, one in zip(own.read(ids, types), expected, strict=True):
        assert torch.equal(found[:, 0], one.start_logits[0])
        assert torch.equal(found[:, 1], one.end_logits[0])
