"""A simulated culture behind the CL API: scripts for a Cortical Labs CL1 run on it unmodified.

``livn-gym cl run script.py`` runs a script; ``configure`` does the same for scripts and tests that open the API
themselves. Both need cl-sdk, whose licence is CC BY-NC 4.0 (no commercial use), and Python 3.12 or newer.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from livn_gym.devices import cl_patience
from livn_gym.devices.cl_settings import CultureSettings, environment
from livn_gym.errors import BackendUnavailable, LivingTissue

if TYPE_CHECKING:
    from livn_gym.devices.cl_source import CultureSource


def check_available() -> None:
    """Check that cl-sdk can be imported, without importing it.

    Raises:
        BackendUnavailable: It is not installed, or this Python is too old for it.
    """
    if find_spec("cl") is not None:
        return
    python = ".".join(map(str, sys.version_info[:3]))
    raise BackendUnavailable(
        f"The CL API needs cl-sdk, for Python 3.12 or newer (this is Python {python}): pip install 'livn_gym[cl]'. Its "
        "licence is CC BY-NC 4.0, which does not allow commercial use."
    )


def check_simulator() -> None:
    """Check, before anything is opened, that the CL API of this Python is the simulator's.

    Raises:
        BackendUnavailable: cl-sdk is not installed, or another module has its name.
        LivingTissue: The API reaches a real device.
    """
    check_available()
    import cl

    if not hasattr(cl, "is_simulator"):
        raise BackendUnavailable(f"The module cl at {getattr(cl, '__file__', 'an unknown place')} is not cl-sdk.")
    if cl.is_simulator() is not True:
        raise LivingTissue(
            "The module cl of this Python reaches a real device (cl.is_simulator() is not true); nothing was opened. "
            "Simulated cultures need a Python with cl-sdk; livn-gym deploy is the way to a device."
        )


def source(**settings: Any) -> CultureSource:
    """Return the data source that cl-sdk opens, see ``CultureSettings`` for the arguments.

    Raises:
        BackendUnavailable: cl-sdk is not installed.
        UnknownOption: There is no such setting.
    """
    check_available()
    from livn_gym.devices.cl_source import CultureSource

    return CultureSource(CultureSettings.of(settings))


def prepare(settings: CultureSettings, *, accelerated: bool = False) -> float:
    """Build the culture once and stimulate it, so that errors appear here and everything is compiled.

    Compiling takes longer than cl-sdk waits for a source to open.

    Args:
        settings: Settings of the culture.
        accelerated: Whether it is going to run in accelerated time.

    Returns:
        Time by which its frames and spikes are late, ms; see ``SimulatedCulture``.

    Raises:
        LivnError: The culture cannot be built.
    """
    from dataclasses import replace

    from livn_gym.devices.cl_culture import SimulatedCulture

    culture = SimulatedCulture(replace(settings, settle_ms=min(settings.settle_ms, 20.0)), accelerated=accelerated)
    try:
        culture.stimulate(1, 0, (200, 200), (-1.0, 1.0))
        for frame in range(0, 100, 5):
            culture.read(frame, 5)
        return culture.delay_ms
    finally:
        culture.close()


def configure(system: str = "EI3", seed: int = 0, *, accelerated: bool = False, **settings: Any) -> float:
    """Make the next ``cl.open()`` of this process open a simulated culture.

    The environment variables of cl-sdk are set, also for processes that this one starts, and a source that is open is
    closed.

    Args:
        system: System of the culture.
        seed: Seed of everything random in it.
        accelerated: Whether simulated time passes as fast as it is computed and read, instead of in real time. The same
            seed and the same script then give the same spikes.
        **settings: Further arguments of ``CultureSettings``.

    Returns:
        Time by which frames and spikes of the culture are late, ms; see ``SimulatedCulture``.

    Raises:
        LivnError: cl-sdk is not installed or reaches a real device, or the culture cannot be built.
        RuntimeError: From cl-sdk, within ``cl.open()``.
    """
    made = CultureSettings.of({"system": system, "seed": seed, **settings})
    check_simulator()
    cl_patience.extend()
    delay_ms = prepare(made, accelerated=accelerated)
    release()
    os.environ |= environment(made, accelerated=accelerated)
    return delay_ms


def release() -> None:
    """Close the source that ``configure`` made this process open, and write its report.

    ``cl.open()`` may be called several times before; the culture continues.

    Raises:
        BackendUnavailable: cl-sdk is not installed.
    """
    check_available()
    import cl

    cl.sim.clear_simulator_data_source()
