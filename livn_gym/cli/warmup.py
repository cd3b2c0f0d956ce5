"""``livn-gym warmup``: compile ahead, so that the first culture starts at once."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from livn_gym.cli.common import progress_bar


def warmup(
    neuron: Annotated[bool, typer.Option("--neuron", help="Compile NEURON's mechanisms as well.")] = False,
) -> None:
    """Compile the native engine's kernels and generate the predefined cultures, or check them if they are there.

    Afterwards the cache folder (LIVN_GYM_CACHE) may be read-only.
    """
    from livn_gym import make
    from livn_gym.backends import PROFILES
    from livn_gym.system import predefined, predefined_names

    started = time.perf_counter()
    engines = [("native", profile) for profile in PROFILES] + [("neuron", "exact")] * neuron
    total = len(engines) + len(predefined_names())
    with progress_bar("compiling") as show:
        for done, (backend, profile) in enumerate(engines):
            show(done, total, note=f"{backend}, {profile}")
            with make("EI1", backend=backend, profile=profile) as env:
                env.run(1)
        for done, name in enumerate(predefined_names(), len(engines)):
            show(done, total, note=name)
            predefined(name)
        show(total, total)
    typer.echo(f"The native engine is ready ({time.perf_counter() - started:.1f} s).")
