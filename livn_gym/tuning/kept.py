"""Measures on disk, a file for every culture, so that a validation of hours goes on where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn_gym.atomic import replacing
from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.reading import damage, read_json
from livn_gym.tuning.bench import Cultures, Values

Setting = dict[str, str | float]


@checked_types
class Kept:
    """Measures of cultures in a folder.

    Args:
        folder: Where they are; it is made. Files are named by graph and seed, e.g. ``own-1000.json``.
        about: What makes them what they are, as plain values: a file made with something else is refused.
    """

    def __init__(self, folder: str | Path, about: Mapping[str, Any]) -> None:
        self.folder, self.about = Path(folder), json.loads(json.dumps(about, default=repr))
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, part: Cultures, values: list[Values], setting: Setting) -> None:
        """Keep a part's measures, one file each."""
        stimulated = list(part.seeds) if part.full else []
        for culture in values:
            plain = {name: x if math.isfinite(x) else None for name, x in culture.items()}
            content = {"about": self.about, "setting": setting, "stimulated": stimulated, "measures": plain}
            with replacing(self._path(culture["graph"], culture["seed"])) as path:
                path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def read(self, part: Cultures) -> tuple[list[Values], Setting] | None:
        """All measures of a part and the simulation's setting; None if a culture is missing.

        One that was stimulated with others than the part's counts as missing: what they share would be another's.

        Raises:
            InvalidInput: A file was made with something else.
            CorruptData: It cannot be read.
        """
        found: list[Values] = []
        setting: Setting = {}
        for place in part.graphs:
            for seed in part.seeds:
                path = self._path(math.nan if place is None else place, seed)
                if not path.exists():
                    return None
                what = "holds no measures of a culture"
                content = read_json(path, what)
                with damage(path, what):
                    about, setting = dict(content["about"]), dict(content["setting"])
                    stimulated, plain = content["stimulated"], content["measures"]
                    values = {name: math.nan if x is None else float(x) for name, x in plain.items()}
                if about != self.about:
                    other = sorted(key for key, value in self.about.items() if about.get(key) != value)
                    raise InvalidInput(f"{path} was measured with other {', '.join(other)}; take another folder.")
                if stimulated != (list(part.seeds) if part.full else []):
                    return None
                found.append(values)
        return found, setting

    def _path(self, place: float, seed: float) -> Path:
        return self.folder / f"{'own' if math.isnan(place) else f'{place:.0f}'}-{seed:.0f}.json"
