"""Make the pictures of docs/plots.md: run the page's code, and save each figure where the image below it points.

Run: ``python docs/gallery.py [FOLDER]``; the folder takes the place of docs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from livn_gym.atomic import replacing

HERE = Path(__file__).resolve().parent
PART = re.compile(r"```python\n(.*?)```|!\[[^]]*\]\((images/plot-[a-z]+\.png)\)", re.DOTALL)


def draw(folder: Path) -> list[Path]:
    """Run the page from top to bottom; gives the pictures written below ``folder``."""
    names: dict[str, Any] = {}
    written = []
    for code, image in PART.findall((HERE / "plots.md").read_text(encoding="utf-8")):
        if code:
            exec(compile(code, "docs/plots.md", "exec"), names)
            continue
        path = folder / image
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            names.pop("figure").savefig(part, dpi=90)
        written.append(path)
    return written


if __name__ == "__main__":
    for picture in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE):
        print(f"{picture.name} {picture.stat().st_size / 1000:.0f} kB")
