"""Hooks of the documentation site: pages from outside docs/, tables of scores, and links.

A link to a file of the repository that is not on the site becomes plain text. ``<!-- scores: ID -->`` becomes a table
with the scores of an id's agents, from the latest results of the benchmark.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = {
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "README.md": "index.md",
    "benchmarks/tasks/results/plot.png": "images/benchmark.png",
}
"""Path on the site of each file from outside docs/."""

_SCORES = re.compile(r"^<!-- scores: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the files from outside docs/, except the README, in place of which the site has its own page."""
    for source, uri in OUTSIDE.items():
        if source != "README.md" and (ROOT / source).is_file():  # there is no figure before the benchmark has run
            files.append(File.generated(config, uri, content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Convert links of the repository to links of the site, except in code blocks."""
    page_uri = page.file.src_uri
    sources = [source for source, uri in OUTSIDE.items() if uri == page_uri and uri != "index.md"]
    source = sources[0] if sources else f"docs/{page_uri}"
    markdown = _SCORES.sub(lambda mark: scores(mark.group(1)), markdown)
    sections = _FENCE.split(markdown)  # text and code blocks in turn
    sections[::2] = [_LINK.sub(lambda link: _link(link, source, page_uri), text) for text in sections[::2]]
    return "".join(sections)


def scores(env_id: str) -> str:
    """Return a table with the returns of every agent on an id, with their intervals."""
    lines = (ROOT / "benchmarks" / "tasks" / "results" / "table.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(f"| {env_id} |")]
    if not rows:
        return f"The benchmark has no results for `{env_id}` yet."
    agents = [agent if steps == "-" else f"{agent}, {steps} steps" for _, agent, steps, *_ in rows]
    returns = [result.replace("not run", "not&nbsp;run") for _, _, _, _, result, *_ in rows]
    table = [agents, ["---"] * len(agents), returns]
    caption = f"Returns on `{env_id}`, interquartile mean and 95 % interval ([benchmark](benchmark.md)):"
    return "\n".join([caption, "", *("| " + " | ".join(row) + " |" for row in table)])


def _link(link: re.Match[str], source: str, page_uri: str) -> str:
    """Convert a link of ``source`` (a path in the repository) for the page ``page_uri`` of the site."""
    picture, text, target = link.groups()
    name, mark, heading = target.partition("#")
    if "://" in target or not name:
        return link.group()
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
    uri = OUTSIDE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
    if uri is None or uri.endswith(".py"):
        return text if path in text or text.startswith("`") else f"{text} (`{path}`)"
    return f"{picture}[{text}]({posixpath.relpath(uri, posixpath.dirname(page_uri) or '.')}{mark}{heading})"
