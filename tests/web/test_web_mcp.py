"""The public functions as MCP tools, called by an MCP client."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
from pathlib import Path

import pytest

from conftest import ROOT
from qa_app import build_index
from qa_app.errors import ServeError
from qa_app.web.app import serve
from support.web_serving import free_port, serving

REPORT = "apcc-towards-better-partnerships-deep-dives.txt"


def test_without_its_package_mcp_is_refused_with_the_mending_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ServeError, match="MCP needs a package") as caught:
        serve(None, port=free_port(), mcp=True)
    assert "pip install" in caught.value.hint


@pytest.mark.model
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the client's own making
def test_the_tools_are_the_public_functions(tmp_path: Path) -> None:
    from mcp import ClientSession
    from mcp.client.streamable_http import streamablehttp_client

    (tmp_path / "corpus").mkdir()
    shutil.copy(ROOT / "corpus" / REPORT, tmp_path / "corpus" / REPORT)
    build_index(tmp_path / "corpus", tmp_path / "index")

    async def talk(url: str) -> tuple[dict[str, str], str]:
        async with (
            streamablehttp_client(f"{url}gradio_api/mcp/") as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            tools = {
                tool.name: tool.description or "" for tool in (await session.list_tools()).tools
            }
            found = await session.call_tool("search", {"query": "road safety", "top_k": 1})
            return tools, str(found.content)

    with serving(tmp_path / "index", tmp_path / "corpus", "--mcp") as url:
        tools, found = asyncio.run(talk(url))
    assert set(tools) == {"ask", "grid", "search", "status", "topics"}
    assert tools["ask"].startswith("Answer a question from the reports")
    assert "Addressing public concerns around road safety" in found
