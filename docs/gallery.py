"""Make the pictures of docs/plots.md: run the page's code, and save each figure under the path of the next image.

Run: ``python docs/gallery.py [FOLDER]``; the default folder is docs.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

from livn_gym.atomic import replacing

DOCS = Path(__file__).resolve().parent
CODE_OR_IMAGE = re.compile(r"```python\n(.*?)```|!\[[^]]*\]\((images/plot-[a-z]+\.png)\)", re.DOTALL)


def draw(folder: Path) -> list[Path]:
    """Run the code of the page in order, and return the paths of the pictures below ``folder``."""
    names: dict[str, Any] = {}
    written = []
    for code, image in CODE_OR_IMAGE.findall((DOCS / "plots.md").read_text(encoding="utf-8")):
        if code:
            exec(compile(code, "docs/plots.md", "exec"), names)
            continue
        path = folder / image
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            names.pop("figure").savefig(temporary, dpi=90)
        written.append(path)
    return written


if __name__ == "__main__":
    for picture in draw(Path(sys.argv[1]) if len(sys.argv) > 1 else DOCS):
        print(f"{picture.name} {picture.stat().st_size / 1000:.0f} kB")
