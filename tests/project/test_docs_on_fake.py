"""The Python blocks of the pages on conditions, wrappers and inner tasks run, one after the other, on the fake."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize("page", ["wrappers.md", "tasks-inner.md"])
def test_blocks_run(page):
    blocks = re.findall(r"^```python\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks
    names = {}
    for block in blocks:
        exec(block, names)
        names["env"].reset(seed=0)
        names["env"].close()
    if "envs" in names:
        names["envs"].close()
