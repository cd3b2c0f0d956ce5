"""Deployment: episodes of an agent on a device, in one session that is recorded from the first to the last pulse."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np

import livn_gym
from livn_gym import device_profile
from livn_gym.agents.baselines import Agent
from livn_gym.device_profile import DeviceProfile
from livn_gym.devices.deployed import DeployedEpisode, write
from livn_gym.devices.device_channels import DeviceChannels, UnopenedPlant
from livn_gym.devices.driver import Driver
from livn_gym.devices.guard import reason_of
from livn_gym.devices.guarded_plant import GuardedPlant
from livn_gym.devices.limits import SessionLimits
from livn_gym.devices.permission import Permission
from livn_gym.devices.timing import largest, percentiles
from livn_gym.envs.provenance import provenance
from livn_gym.envs.registration import is_ours, spec_of
from livn_gym.envs.specs import plain_options
from livn_gym.errors import DeviceStopped, InvalidInput, LimitExceeded, LivnWarning
from livn_gym.numerics import checked_seed
from livn_gym.units import whole_number

OF_CULTURES = (
    *("variant", "params", "graph_seed", "io", "model", "opsin", "light", "backend", "profile", "dt", "randomize"),
    *("device", "observation", "posterior"),
)
"""Options of environments that say how a culture is simulated; a device has a culture of its own. The name of
the system stays, since defaults of tasks depend on it."""


@dataclass(frozen=True)
class Deployment:
    """Plan of a session: agent, environment, episodes and seed.

    Attributes:
        make_agent: Function that makes the agent of each episode.
        env_id: Id of the environment.
        options: Options of the environment; those in ``OF_CULTURES`` are left out.
        episodes: Number of episodes.
        seed: Seed of the first episode's task; the next ones count up.
        dry_run: Whether refused stimuli are counted, and their runs happen without stimulation.
        origin: Provenance of the agent, JSON values.
    """

    make_agent: Callable[[], Agent]
    env_id: str
    options: Mapping[str, Any] = field(default_factory=dict)
    episodes: int = 5
    seed: int = 0
    dry_run: bool = True
    origin: Mapping[str, Any] = field(default_factory=dict)

    def run(
        self,
        driver: Driver,
        folder: Path,
        limits: SessionLimits | None = None,
        permission: Permission | None = None,
        report: Callable[[int, int], object] | None = None,
    ) -> list[DeployedEpisode]:
        """Check the session, open the device, play the episodes and write the results.

        Args:
            driver: Connection to the device.
            folder: New or empty folder of the session.
            limits: Limits of the session. Default: those of the driver's profile.
            permission: What the operator confirmed; needed for a device that is not simulated.
            report: Called after every step with the number of the episode, from 1, and of the step.

        Raises:
            LivingTissue: The device is real, and nothing was confirmed. Nothing was opened.
            InvalidInput: The session is not permitted, or the agent does not fit the environment.
            LimitExceeded: The strongest command of the environment exceeds a limit. Nothing was sent.
        """
        limits = SessionLimits.of_profile(driver.profile) if limits is None else limits
        self.check(driver.profile, limits)
        played: list[DeployedEpisode] = []
        with GuardedPlant(
            driver, limits, folder=folder, permission=permission, stop_on_refusal=not self.dry_run
        ) as plant:
            env = self._make(plant)
            origin = {**self.origin, **self._origin(env, driver)}
            try:
                for episode in play(plant, env, self.make_agent, episodes=self.episodes, seed=self.seed, report=report):
                    played.append(episode)
            finally:
                write(folder, plant, played, origin)
        return played

    def check(self, profile: DeviceProfile, limits: SessionLimits) -> None:
        """Check environment, options, agent and strongest command, before a device is opened or a file is written.

        Args:
            profile: The device.
            limits: Limits of the session; a dry run counts the commands that exceed them, and is not refused.

        Raises:
            InvalidInput: An option is unknown or out of range, or the agent does not fit the environment.
            LimitExceeded: The strongest command of the environment exceeds a limit.
        """
        if not is_ours(spec_of(self.env_id)):
            raise InvalidInput(
                f"An agent is deployed in an environment of livn_gym; {self.env_id} is of another package."
            )
        checked_seed(checked_seed(self.seed) + whole_number("episodes", self.episodes) - 1)
        for name in ("plant", "env"):
            if self.options.get(name) is not None:
                raise InvalidInput(f"A deployment has the device as its plant: leave out the option {name!r}.")
        provenance(self.env_id, self.options)  # refuses unknown options, and wrong ones of a simulated culture
        plant = UnopenedPlant(profile, limits)
        env = self._make(plant)
        try:
            agent = self.make_agent()
            check_fits(agent, env, profile.name)
            if hasattr(agent, "policy") and self._trained_on_cells:
                warnings.warn(
                    "The agent was trained on the spikes of simulated cells (observation='cells'); the device gives it"
                    " spikes that are detected on channels, which are others. Train it with observation='channels'.",
                    LivnWarning,
                    stacklevel=2,
                )
            if not self.dry_run:
                culture_env: Any = env.unwrapped
                plant.preview(culture_env.strongest_stimulus, culture_env.step_ms)
        finally:
            env.close()

    @property
    def _trained_on_cells(self) -> bool:
        """Whether the options are of an environment whose agent observes cells."""
        given = self.options.get("observation")
        return self.options.get("device") is None if given is None else given == "cells"

    def _make(self, plant: DeviceChannels) -> gym.Env:
        """Make the environment over a plant, of all tasks if the option ``device`` offers them."""
        options = {name: value for name, value in self.options.items() if name not in OF_CULTURES}
        every = device_profile.offers_all_tasks(self.options.get("device"))
        given = {"name": plant, device_profile.ALL_TASKS: True} if every else plant
        return gym.make(self.env_id, plant=given, **options)

    def _origin(self, env: gym.Env, driver: Driver) -> dict[str, Any]:
        culture_env: Any = env.unwrapped
        return {
            "env": self.env_id,
            "options": plain_options(dict(self.options)),
            "episodes": self.episodes,
            "seed": self.seed,
            "dry_run": self.dry_run,
            "livn_gym": livn_gym.__version__,
            "device": driver.profile.name,
            "device_hash": driver.profile.hash,
            "driver": dict(driver.origin()),
            "simulated_culture": provenance(self.env_id, self.options) if driver.is_simulated() else None,
            **culture_env.provenance,
        }


def check_fits(agent: Agent, env: gym.Env, device: str) -> None:
    """Check, before anything is sent, that a trained agent's spaces are those of the environment.

    Raises:
        InvalidInput: Observations or actions have another type or shape.
    """
    if hasattr(agent, "policy"):  # baselines read the info of a reset, which stimulates if the task calibrates
        try:
            agent.reset(env, {})
        except InvalidInput as error:
            raise InvalidInput(f"{error} An agent for a device is trained with --option device={device}.") from error


def play(
    plant: GuardedPlant,
    env: gym.Env,
    make_agent: Callable[[], Agent],
    *,
    episodes: int,
    seed: int,
    report: Callable[[int, int], object] | None = None,
) -> Iterator[DeployedEpisode]:
    """Run episodes of an agent on a device. The episode in which the session is stopped is the last one.

    It is yielded too, before an exception that stopped it, such as Ctrl-C, is raised again.

    Args:
        plant: The device.
        env: Environment over this plant.
        make_agent: Function that makes the agent of each episode.
        episodes: Number of episodes.
        seed: Seed of the first episode's task; the next ones count up.
        report: Called after every step with the number of the episode, from 1, and of the step.

    Yields:
        The episodes as they end.
    """
    for number in range(1, episodes + 1):
        before = plant.guard.charge_uC, len(plant.guard.refusals)
        rewards, rates, ended, first = [], [], "time limit", len(plant.steps)
        plant.episode, plant.phase = number, "reset"
        reset_uC: float | None = None
        failure: BaseException | None = None
        try:
            observation, info = env.reset(seed=seed + number - 1)
            agent = make_agent()
            agent.reset(env, info)
            first, over = len(plant.steps), False
            plant.phase, reset_uC = "step", plant.guard.charge_uC
            while not over:
                observation, reward, terminated, truncated, info = env.step(agent.act(observation, info))
                rewards.append(float(reward))
                rates.append(float(info["rate_hz"]))
                over, ended = terminated or truncated, "task" if terminated else "time limit"
                if report is not None:
                    report(number, len(rewards))
        except BaseException as error:
            if plant.guard.stopped is None and not isinstance(error, LimitExceeded):
                plant.guard.stop(reason_of(error))
            failure, ended = error, plant.guard.stopped or str(error)
        timings = plant.steps[first:]
        yield DeployedEpisode(
            episode=number,
            seed=seed + number - 1,
            steps=len(rewards),
            total_reward=float(np.sum(rewards)),
            rate_hz=float(np.mean(rates)) if rates else math.nan,
            charge_nC=(plant.guard.charge_uC - before[0]) * 1e3,
            reset_charge_nC=((plant.guard.charge_uC if reset_uC is None else reset_uC) - before[0]) * 1e3,
            latency_ms=tuple(percentiles([timing.latency_ms for timing in timings])),
            jitter_ms=tuple(percentiles([timing.jitter_ms for timing in timings])),
            stim_delay_ms=largest([timing.stim_delay_ms for timing in timings]),
            unconfirmed=timings[-1].unconfirmed if timings else 0,
            refused=len(plant.guard.refusals) - before[1],
            ended=ended,
            completed=failure is None,
        )
        if isinstance(failure, DeviceStopped | LimitExceeded):
            return
        if failure is not None:
            raise failure
