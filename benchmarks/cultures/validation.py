"""The tables and pages of docs/cultures.md: every shipped culture under the standard protocol.

    python benchmarks/cultures/validation.py [--figures docs/images] [--json FOLDER] [--folder FOLDER] [--seeds 20]
        [--stimulated 5] [--graphs 4] [--record] [NAME ...]

A name is a system or system-variant, e.g. EI2 or EI2-bursting; default all but EI4, which wants
``--seeds 6 --stimulated 1 --graphs 2``. Tables are printed as Markdown. With ``--folder`` the measures of every
culture are stored in it, and an interrupted run continues. ``--record`` writes what was reached into the set's file in
configs/params.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from livn_gym import tuning
from livn_gym.atomic import replacing
from livn_gym.system import make

PARAMS = Path(__file__).parents[2] / "configs" / "params"

NAMES = ["EI1", "EI2", "EI2-bursting", "EI2-asynchronous", "EI3"]


def main() -> None:
    """Validate what was named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--figures", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--stimulated", type=int, default=5)
    parser.add_argument("--graphs", type=int, default=4)
    parser.add_argument("--profile", default="fast")
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    for name in arguments.names:
        system, _, variant = name.partition("-")
        targets = tuning.load("", system, variant or None)
        sets = tuning.validation_sets(make(system), arguments.seeds, arguments.stimulated, arguments.graphs)
        observations: list[tuning.Observation] = []
        started = time.perf_counter()
        report = tuning.validate(
            system,
            variant or None,
            targets=targets,
            sets=sets,
            on_observation=observations.append if arguments.figures else None,
            folder=arguments.folder and arguments.folder / name,
            profile=arguments.profile,
        )
        seconds = time.perf_counter() - started
        simulated = sum(s.duration_ms(targets.protocol, make(system).num_channels) for s in sets) / 1e3
        simulation = ", ".join(str(value) for value in report.simulation.values())
        run = "in parts" if arguments.folder else f"in {seconds:.0f} s"
        print(f"\n### {report.title}\n\n{simulation}; {simulated:,.0f} s of cultures {run}\n")
        print(report.markdown(), flush=True)
        print(f"missed: {', '.join(report.missed) or 'none'}", file=sys.stderr)
        if arguments.json:
            text = json.dumps(report.as_dict(), indent=1) + "\n"
            (arguments.json / f"{name}.json").write_text(text, encoding="utf-8")
        if arguments.record:
            tuning.record(PARAMS / f"{name}.toml", report)
        if arguments.figures:
            if not observations:
                raise SystemExit(
                    f"{name}: a page shows a culture that was run; remove a stimulated one from the folder."
                )
            path = arguments.figures / f"culture-{name}.png"
            shown = observations[
                min(len(sets), len(observations), 2) - 1
            ]  # of held-out seeds, unless the folder had them
            with replacing(path) as part:
                tuning.page(shown, report).savefig(part)


if __name__ == "__main__":
    main()
