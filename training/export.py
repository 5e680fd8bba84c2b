"""Write a checkpoint's weights, without the encoder's, and their hash into the package.

python -m training.export FOLDER/twins.pt
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path

import torch
from safetensors.torch import save

import qa_app.reader

_MOST_BYTES = 25_000_000  # largest file of weights that the package may hold


def export(checkpoint: Path, package: Path) -> str:
    """Write ``reader.safetensors`` in bfloat16 and its SHA-256 into ``reader.py``; return the hash.

    Raises:
        SystemExit: the weights are over 25 MB.
    """
    state = torch.load(checkpoint, weights_only=True)["model"]
    weights = {name: tensor.to(torch.bfloat16).contiguous() for name, tensor in state.items()}
    content = save(weights)
    if len(content) > _MOST_BYTES:
        raise SystemExit(f"{len(content):,} bytes are more than {_MOST_BYTES:,}")
    (package / "reader.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    module = package / "reader.py"
    source = module.read_text("utf-8")
    line = f'_WEIGHTS_SHA256 = "{digest}"'
    module.write_text(
        re.sub(r'^_WEIGHTS_SHA256 = ".*"$', line, source, flags=re.MULTILINE), "utf-8"
    )
    return digest


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    given = parser.parse_args()
    print(export(given.checkpoint, Path(qa_app.reader.__file__).parent))


if __name__ == "__main__":
    main()
