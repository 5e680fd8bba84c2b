"""Models of a few thousand random weights, saved as the real ones are: the library's own files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path

WORDS = [
    *("data", "sharing", "road", "safety", "violence", "board", "funding", "duplication"),
    *("police", "report", "query", "passage", "which", "where", "the", "a", "of", "is", ":", "."),
]
WIDTH = 32


def make_cross_encoder(folder: Path, labels: int = 1) -> Path:
    """Save a BERT of two layers that scores pairs, and return its folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import BertForSequenceClassification

        torch.manual_seed(1)
        model = BertForSequenceClassification(_config(num_labels=labels))
        model.save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
    return folder


def make_reader(folder: Path) -> Path:
    """Save a BERT of two layers that finds spans, and return its folder."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import BertForQuestionAnswering

        torch.manual_seed(1)
        BertForQuestionAnswering(_config()).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
    return folder


def make_encoder(folder: Path, config: Mapping[str, object] | None = None, seed: int = 1) -> Path:
    """Save a BERT of two layers with mean pooling, and return its folder.

    Args:
        config: written into config_sentence_transformers.json, as {"prompts": {…}}.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from transformers import BertModel

        torch.manual_seed(seed)
        BertModel(_config()).save_pretrained(folder)
        _tokenizer().save_pretrained(folder)
    kinds = "sentence_transformers.models"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{kinds}.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": f"{kinds}.Pooling"},
    ]
    (folder / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True}
    _write(folder / "1_Pooling" / "config.json", pooling)
    _write(folder / "modules.json", modules)
    _write(folder / "sentence_bert_config.json", {"max_seq_length": 64, "do_lower_case": False})
    _write(folder / "config_sentence_transformers.json", dict(config or {}))
    return folder


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content), encoding="utf-8")


def _config(**options: int) -> object:
    from transformers import BertConfig

    return BertConfig(
        vocab_size=len(WORDS) + 5,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.5,  # far from the usual 0.02, which makes all texts alike
        **options,
    )


def _tokenizer() -> object:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertTokenizerFast

    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
    vocabulary = {word: number for number, word in enumerate((*special, *WORDS))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return BertTokenizerFast(tokenizer_object=tokenizer, model_max_length=64)
