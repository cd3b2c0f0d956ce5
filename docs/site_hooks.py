"""What the site shows beyond docs/: the changelog, how to contribute, figures and scores; and links that work there.

Pages in docs/ link to files of the repository, which are not part of the site: such a link becomes the name alone.
``<!-- scores: ID -->`` becomes the scores of an id's agents, as the benchmark last wrote them.
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
"""Files of the repository and their places on the site."""

_SCORES = re.compile(r"^<!-- scores: (\S+) -->$", re.MULTILINE)
_LINK = re.compile(r"(!?)\[([^]]*)\]\(([^)\s]+)\)")
_FENCE = re.compile(r"(^```.*?^```)", re.MULTILINE | re.DOTALL)


def on_files(files: Any, config: Any) -> Any:
    """Add the files from outside docs/; the README stands for the page that is written for the site."""
    for source, place in OUTSIDE.items():
        if source != "README.md":
            files.append(File.generated(config, place, content=(ROOT / source).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Turn links of the repository into links of the site, outside code blocks."""
    place = page.file.src_uri
    source = next((source for source, to in OUTSIDE.items() if to == place and to != "index.md"), f"docs/{place}")
    markdown = _SCORES.sub(lambda mark: scores(mark.group(1)), markdown)
    parts = _FENCE.split(markdown)
    parts[::2] = [_LINK.sub(lambda link: _link(link, source, place), part) for part in parts[::2]]
    return "".join(parts)


def scores(env_id: str) -> str:
    """Returns of every agent on an id, with their intervals, as a table."""
    lines = (ROOT / "benchmarks" / "tasks" / "results" / "table.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith(f"| {env_id} |")]
    if not rows:
        raise ValueError(f"No scores of {env_id} in benchmarks/tasks/results/table.md.")
    agents = [agent if steps == "-" else f"{agent}, {steps} steps" for _, agent, steps, *_ in rows]
    returns = [result.replace("not run", "not&nbsp;run") for _, _, _, _, result, *_ in rows]
    table = [agents, ["---"] * len(agents), returns]
    caption = f"Returns on `{env_id}`, interquartile mean and 95 % interval ([benchmark](benchmark.md)):"
    return "\n".join([caption, "", *("| " + " | ".join(row) + " |" for row in table)])


def _link(link: re.Match[str], source: str, place: str) -> str:
    """One link of ``source`` (a path in the repository) as it stands on the page ``place`` of the site."""
    picture, text, target = link.groups()
    name, mark, heading = target.partition("#")
    if "://" in target or not name:
        return link.group()
    path = posixpath.normpath(posixpath.join(posixpath.dirname(source), name))
    to = OUTSIDE.get(path, path.removeprefix("docs/") if path.startswith("docs/") else None)
    if to is None or to.endswith(".py"):
        return text if path in text or text.startswith("`") else f"{text} (`{path}`)"
    return f"{picture}[{text}]({posixpath.relpath(to, posixpath.dirname(place) or '.')}{mark}{heading})"
