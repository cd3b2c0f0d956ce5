"""Arguments of environments that concern devices: checks, and the link of a loop to its device."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from livn_gym import config, device_profile
from livn_gym.channel_view import ChannelView
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.envs import tasks
from livn_gym.envs.device_link import OBSERVATIONS, DeviceLink
from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.io import BoundElectrodes
from livn_gym.plant import DevicePlant
from livn_gym.registry import snake_case

_OF_SIMULATIONS = (
    "variant", "params", "posterior", "io", "model", "opsin", "light", "backend", "profile", "dt", "randomize",
)  # fmt: skip
"""Arguments of simulated cultures, which those of a plant do not have."""


def check_device_options(task: Any, values: Mapping[str, Any], given: Collection[str]) -> None:
    """Check the arguments ``device``, ``observation`` and ``plant`` of an environment, before a culture is built.

    Args:
        task: The task.
        values: All arguments of the loop.
        given: Names of those that were given, in contrast to those of the task's config.

    Raises:
        UnknownName: There is no such device or observation model.
        InvalidInput: Arguments contradict each other, or the task is not offered with the device.
    """
    device, observation, plant = (values.get(name) for name in ("device", "observation", "plant"))
    if observation is not None and observation not in OBSERVATIONS:
        raise unknown_name("observation model", observation, OBSERVATIONS)
    if plant is not None:
        conflicts = [name for name in _OF_SIMULATIONS if name in given]
        if conflicts:
            raise InvalidInput(
                f"With plant=, leave out {', '.join(conflicts)}: a plant has a culture of its own. That of a simulated "
                "plant is chosen as in plant={'name': 'simulated', 'system': 'EI3'}."
            )
        if device is not None:
            raise InvalidInput("Give plant= or device=, not both: a plant has its device, and device= simulates one.")
        if observation == "cells":
            raise InvalidInput(
                "observation must be 'channels' with plant=, or left out: a device detects spikes on its channels, and "
                "does not see single cells."
            )
    elif device is None and observation == "channels":
        raise InvalidInput(
            "observation='channels' needs the device that detects the spikes: device='cl1', for example."
        )
    profile = _profile(device, plant)
    if device is not None or plant is not None:
        check_offered(task, profile, device=device, plant=plant, observation=observation)
    if device is not None and values.get("io") is not None:
        raise InvalidInput("Give device= or io=, not both: with a device, the electrodes are those of the device.")


def _profile(device: Any, plant: Any) -> DeviceProfile | None:
    """Return the device of an environment; None without one, and for a plant that is not made yet."""
    if device is not None:
        return device_profile.find(device)
    made = plant.get("name") if isinstance(plant, Mapping) else plant
    return made.profile if isinstance(made, DevicePlant) and not inspect.isclass(made) else None


def check_offered(
    task: Any, profile: DeviceProfile | None, *, device: Any = None, plant: Any = None, observation: str | None = None
) -> None:
    """Check that the task's config offers it with a device, and with the spikes that it detects.

    Args:
        task: The task.
        profile: The device; None if it is not known yet.
        device: Argument of the environment: if it is a mapping with ``all_tasks``, every task is offered.
        plant: The same of a plant.
        observation: Argument of the environment: with ``"cells"``, what the device detects does not matter.

    Raises:
        InvalidInput: The task is not offered; the message says why, and how it is made all the same.
    """
    if device_profile.offers_all_tasks(device) or device_profile.offers_all_tasks(plant):
        return
    task_class = tasks.find(task)
    name = snake_case(task_class.__name__)
    if name not in tasks.names() or tasks.find(name) is not task_class:
        return
    reasons = config.load("tasks", name).get("refused_devices", {})
    reason, hint = reasons.get("*"), ""
    if reason is None and profile is not None and observation != "cells":
        reason = reasons.get(profile.name)
        cells, argument = ("", "plant") if device is None else (" observation='cells' has the true spikes;", "device")
        hint = f"{cells} {argument}={{'name': ..., 'all_tasks': True}} offers every task."
    if reason is not None:
        what = "a plant" if profile is None else profile.name
        raise InvalidInput(f"{task_class.__name__} is not offered with {what}: {reason}{hint}")


def device_link(env: Env | DevicePlant, device: Any, observation: str | None) -> DeviceLink | None:
    """Return the device between a loop and its cultures; None for cultures without one.

    Args:
        env: The cultures.
        device: Profile of the device, as ``livn_gym.device_profile.find`` takes it; None for none.
        observation: ``"cells"``, ``"channels"`` or None for the default.

    Raises:
        InvalidInput: The electrodes of the cultures are not the usable ones of the device.
    """
    if not isinstance(env, Env):
        return DeviceLink(env.profile, env)
    if device is None:
        return None
    profile = device_profile.find(device).of_usable()
    _check_array(env, profile)
    if observation == "cells":
        return DeviceLink(profile, env)
    from livn_gym.signals import ChannelObservation  # compiles kernels

    model = ChannelObservation(env, profile, env.seeds)
    return DeviceLink(profile, _channel_view(env), model)


def _channel_view(env: Env) -> ChannelView:
    """Return the view of the channels of simulated cultures, in whose time step stimuli are counted."""
    electrodes: BoundElectrodes = env.electrodes
    options: Any = {"dt": env.dt, "num_cultures": env.num_cultures, "system_name": env.system.name}
    assert electrodes.coordinates_um is not None  # it has the shape of a device's array
    return ChannelView.of_channels(electrodes.coordinates_um, electrodes.channel_names, **options)


def _check_array(env: Env, profile: DeviceProfile) -> None:
    coordinates_um = env.electrodes.coordinates_um
    if coordinates_um is None or profile.electrodes.scale(coordinates_um) is None:
        raise InvalidInput(
            f"The electrodes of this Env are not the {profile.electrodes.num_channels} usable ones of {profile.name}: "
            "make it with io=livn_gym.channel_view.device_array(profile, system)."
        )
