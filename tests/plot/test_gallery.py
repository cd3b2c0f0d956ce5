"""The page of pictures: its code runs and makes every picture that it shows."""

import re
import sys
from pathlib import Path

from matplotlib.image import imread

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_draws_all_its_pictures(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    import gallery

    written = gallery.draw(tmp_path)
    shown = re.findall(r"\((images/[^)]+)\)", (DOCS / "plots.md").read_text(encoding="utf-8"))
    assert [str(path.relative_to(tmp_path)) for path in written] == shown and len(shown) == 8
    for name in shown:
        assert imread(tmp_path / name).std() > 0.05  # not blank
        assert (DOCS / name).is_file()
    del sys.modules["gallery"]
