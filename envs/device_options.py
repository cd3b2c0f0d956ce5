"""Arguments of environments that concern devices: checks, and the link of a loop to its device."""

from __future__ import annotations

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
            raise InvalidInput(f"{', '.join(conflicts)} are of simulated cultures; those of a plant are what they are.")
        if device is not None:
            raise InvalidInput("A plant brings its device: give plant= or device=, which simulates one, not both.")
        if observation == "cells":
            raise InvalidInput("The cells behind a device are not seen: observation must be 'channels' with a plant.")
    elif device is None and observation == "channels":
        raise InvalidInput(
            "observation='channels' needs the device that detects the spikes: device='cl1', for example."
        )
    profile = None if device is None else device_profile.find(device)
    offered = isinstance(device, Mapping) and device.get(device_profile.ALL_TASKS) is True
    if (profile is not None or plant is not None) and not offered:
        _check_offered(task, None if profile is None else profile.name, observation)
    if profile is not None:
        if values.get("io") is not None:
            raise InvalidInput(f"{profile.name} brings its electrodes: give device= or io=, not both.")


def _check_offered(task: Any, device: str | None, observation: str | None) -> None:
    """Refuse a task that its config does not offer with a device, or with the spikes that it detects."""
    task_class = tasks.find(task)
    name = snake_case(task_class.__name__)
    if name not in tasks.names() or tasks.find(name) is not task_class:
        return
    reasons = config.load("tasks", name).get("refused_devices", {})
    reason, hint = reasons.get("*"), ""
    if reason is None and device is not None and observation != "cells":
        reason = reasons.get(device)
        hint = " observation='cells' has the true spikes; device={'name': ..., 'all_tasks': True} offers every task."
    if reason is not None:
        raise InvalidInput(f"{task_class.__name__} is not offered with {device or 'a plant'}: {reason}{hint}")


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
