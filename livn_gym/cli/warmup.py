"""``livn-gym warmup``: compile in advance, so that the first simulation starts immediately."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from livn_gym.cli.common import progress_bar


def warmup(
    neuron: Annotated[
        bool, typer.Option("--neuron", help="Also compile the mechanisms of the NEURON backend.")
    ] = False,
) -> None:
    """Compile the native engine and generate the predefined systems, so that later simulations start immediately.

    What simulated devices need is compiled and measured as well. Everything is stored in the cache folder (variable
    LIVN_GYM_CACHE), which may be read-only afterwards.
    """
    import numpy as np

    from livn_gym import device_profile, make, processors
    from livn_gym.backends import PROFILES
    from livn_gym.signals import ChannelObservation
    from livn_gym.system import predefined, predefined_names

    started = time.perf_counter()
    engines = [("native", profile) for profile in PROFILES] + [("neuron", "exact")] * neuron
    # The time steps of environments, and the one of a simulated CL1, whose frames are its steps.
    steps = [(profile, None) for profile in PROFILES] + [("fast", 0.04)]
    total = len(engines) + len(predefined_names()) + len(steps)
    with progress_bar("compiling") as show:
        for done, (backend, profile) in enumerate(engines):
            show(done, total, note=f"{backend}, {profile}")
            count = 1 if backend == "neuron" else 2 * len(processors.usable())  # two per thread
            with make("EI1", backend=backend, profile=profile, num_cultures=count) as env:
                env.run(1)
                env.set_noise({"std_e": np.linspace(0.1, 0.2, count)})  # kernels of cultures whose noise differs
            with make("EI1", backend=backend, profile=profile) as env:
                env.enable_plasticity()  # kernels of cultures that learn
        for done, name in enumerate(predefined_names(), len(engines)):
            show(done, total, note=name)
            predefined(name)
        for done, (profile, dt) in enumerate(steps, total - len(steps)):
            show(done, total, note=f"devices, {profile}")
            with make("EI3", profile=profile, dt=dt).record_spikes() as env:  # other systems have the same cells
                ChannelObservation(env, device_profile.find("cl1")).observe(env.run(1))
        show(total, total)
    typer.echo(f"The native engine is ready ({time.perf_counter() - started:.1f} s).")
