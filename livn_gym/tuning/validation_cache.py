"""Validation results on disk, a file per culture, so that an interrupted validation continues where it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livn_gym.atomic import make_folder, replacing
from livn_gym.checks import checked_types
from livn_gym.errors import InvalidInput
from livn_gym.reading import damage, read_json
from livn_gym.tuning.bench import CultureSet, Values

Setting = dict[str, str | float]


@checked_types
class ValidationCache:
    """Measures of cultures in a folder, as ``validate(folder=...)`` stores them.

    Args:
        folder: Folder; created if it does not exist. Files are named by graph and seed, for example ``own-1000.json``.
        about: Everything on which the measures depend, as plain values; files with other values are refused.
    """

    def __init__(self, folder: str | Path, about: Mapping[str, Any]) -> None:
        self.folder, self.about = Path(folder), json.loads(json.dumps(about, default=repr))
        make_folder(self.folder)

    def write(self, cultures: CultureSet, values: list[Values], setting: Setting) -> None:
        """Store the measures of some cultures, one file each."""
        stimulated = list(cultures.seeds) if cultures.full else []
        for culture in values:
            plain = {name: x if math.isfinite(x) else None for name, x in culture.items()}
            content = {"about": self.about, "setting": setting, "stimulated": stimulated, "measures": plain}
            with replacing(self._path(culture["graph"], culture["seed"])) as path:
                path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    def read(self, cultures: CultureSet) -> tuple[list[Values], Setting] | None:
        """Read all measures of some cultures and the settings of the simulation; None if a culture is missing.

        A culture that was stimulated together with other cultures counts as missing, since the
        measures of single pulses are shared.

        Raises:
            InvalidInput: A file was made with other parameters, protocol or options.
            CorruptData: It cannot be read.
        """
        measures: list[Values] = []
        setting: Setting = {}
        for graph_seed in cultures.graphs:
            for seed in cultures.seeds:
                path = self._path(math.nan if graph_seed is None else graph_seed, seed)
                if not path.exists():
                    return None
                problem = "holds no measures of a culture"
                content = read_json(path, problem)
                with damage(path, problem):
                    about, setting = dict(content["about"]), dict(content["setting"])
                    stimulated, plain = content["stimulated"], content["measures"]
                    values = {name: math.nan if x is None else float(x) for name, x in plain.items()}
                if about != self.about:
                    other = sorted(key for key, value in self.about.items() if about.get(key) != value)
                    raise InvalidInput(f"{path} was measured with other {', '.join(other)}; take another folder.")
                if stimulated != (list(cultures.seeds) if cultures.full else []):
                    return None
                measures.append(values)
        return measures, setting

    def _path(self, graph_seed: float, seed: float) -> Path:
        return self.folder / f"{'own' if math.isnan(graph_seed) else f'{graph_seed:.0f}'}-{seed:.0f}.json"
