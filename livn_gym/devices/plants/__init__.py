"""Devices by name, one file each: a driver, and a function ``make`` for ``gym.make(..., plant=)``."""

from __future__ import annotations

from livn_gym.devices.driver import Driver
from livn_gym.registry import Kind

_SHIPPED = {
    "cl": "livn_gym.devices.plants.cl:ClDriver",
    "simulated": "livn_gym.devices.plants.simulated:SimulatedDriver",
}

_GROUP = "livn_gym.drivers"

DRIVERS: Kind[Driver] = Kind("driver", Driver, lambda: _SHIPPED, group=_GROUP)  # type: ignore[type-abstract]
