"""``livn-gym warmup``: compile ahead, so that the first culture starts at once."""

from __future__ import annotations

import time

import typer

from livn_gym.cli.common import progress_bar


def warmup() -> None:
    """Compile the native engine's kernels, or load them if they are compiled already."""
    from livn_gym import make
    from livn_gym.backends import PROFILES

    started = time.perf_counter()
    with progress_bar("kernels") as show:
        for done, profile in enumerate(PROFILES):
            show(done, len(PROFILES), note=profile)
            with make("EI1", backend="native", profile=profile) as env:
                env.run(1)
        show(len(PROFILES), len(PROFILES))
    typer.echo(f"The native engine is ready ({time.perf_counter() - started:.1f} s).")
