"""The Gymnasium environment of one culture."""

from __future__ import annotations

import copy
from typing import Any, Self

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from livn_gym.env import Env
from livn_gym.envs.actions import as_numbers
from livn_gym.envs.arguments import reset_options
from livn_gym.envs.loop import ClosedLoop, make_loop
from livn_gym.envs.loop_rendering import LoopRenderer
from livn_gym.envs.resampling import RESAMPLE, ResampledLoop
from livn_gym.envs.specs import in_json
from livn_gym.envs.tasks import Measurement
from livn_gym.errors import ClosedEnvironment, unknown_name
from livn_gym.numerics import checked_seed
from livn_gym.plot.style import check_available


class CultureEnv(gym.Env):
    """A simulated neural culture on a multi-electrode array, to be held at a firing rate by stimulation.

    ## Description
    A culture of excitatory and inhibitory two-compartment neurons grows on an array of electrodes. It fires
    by itself at a few Hz and in bursts. Charge-balanced current pulses through the electrodes make the
    cells near them fire, and through their synapses others. The agent chooses the size of the pulses on
    every channel and sees how often the cells around each channel fired. The aim is a target rate that jumps,
    ramps or swings.

    | id             | neurons | channels | area (um)   |
    | -------------- | ------- | -------- | ----------- |
    | `livn/EI1-v0`  | 10      | 1        | 40 x 40     |
    | `livn/EI2-v0`  | 100     | 16       | 400 x 400   |
    | `livn/EI3-v0`  | 1,000   | 64       | 1000 x 1000 |
    | `livn/EI4-v0`  | 10,000  | 1,024    | 4000 x 4000 |

    ## Action Space
    `Box(-1, 1, (C,), float32)`, one number a channel. Pulses are biphasic, cathodic first, 0.2 ms a phase, at
    20 Hz. An action with the wrong shape, NaN, or a value outside the box raises `InvalidInput`; a value that rounding
    moved past a bound, by no more than 16 float32 steps, is clipped to it.

    | num       | action                            | min | max | at -1 | at 1 | unit       |
    | --------- | --------------------------------- | --- | --- | ----- | ---- | ---------- |
    | 0 ... C-1 | amplitude of the channel's pulses | -1  | 1   | 0     | 15   | uA         |
    |           | its charge                        |     |     | 0     | 3    | nC a phase |

    ## Observation Space
    `Box(0, high, (2 C + 1,), float32)`; `high` lies above what any seizure can reach.

    | num        | observation                            | min | max            | unit |
    | ---------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step   | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second | 0   | the decoding's | Hz   |
    | 2C         | target of the mean rate, coming step   | 0   | 100            | Hz   |

    `info` holds, as floats:

    | key               | meaning                                                          | unit |
    | ----------------- | ---------------------------------------------------------------- | ---- |
    | `rate_hz`         | mean rate of a cell in the last step                             | Hz   |
    | `rate_1s_hz`      | mean rate of a cell in the last second                           | Hz   |
    | `target_hz`       | target of the step that comes                                    | Hz   |
    | `error_hz`        | difference of rate and target, means over the last second        | Hz   |
    | `error_step_hz`   | the same of the last step alone                                  | Hz   |
    | `charge_nC`       | absolute charge of all channels in the step, both phases counted | nC   |
    | `charge_fraction` | the same as a share of the most an action can ask for            | -    |
    | `time_ms`         | time since the first observation                                 | ms   |

    ## Rewards
    `-(error_1s + error_step) / 2 - charge_cost * charge_fraction`: relative errors of the mean rate of a cell, over the
    last second and in the step alone. A step's rate is noisy; but a second's mean alone is also met by one burst
    a second, and holding a rate means a steady one. It is at most 0.

    ## Starting State
    A culture at rest from which `settle_ms` are run unstimulated before the first observation; they count
    neither as steps nor as charge. `reset(seed=s)` starts the culture's noise and the task's draws from
    `s`; `reset()` goes on to the next trial, with new noise and a new target.

    ## Episode End
    It never terminates. It is truncated after 100 steps (20 s); `gym.make(..., max_episode_steps=)` changes
    that.

    ## Arguments
    By keyword in `gym.make("livn/EI2-v0", ...)`; an unknown one raises `UnknownOption`, which is a `TypeError`.

    | name          | default             | meaning                                                  | unit |
    | ------------- | ------------------- | -------------------------------------------------------- | ---- |
    | `target_hz`   | `[4, 14]`           | target, or the range from which targets are drawn        | Hz   |
    | `shape`       | `"mixed"`           | `"constant"`, `"step"`, `"ramp"`, `"sine"`; or one drawn | -    |
    | `period_ms`   | 5000                | time between steps or corners, half a cycle of a sine    | ms   |
    | `charge_cost` | 0.05                | reward lost by a step at the highest charge              | -    |
    | `step_ms`     | 200                 | length of a control step; divides 1000                   | ms   |
    | `settle_ms`   | 2000                | unstimulated time before the first observation           | ms   |
    | `model`       | `None`              | the cells: name, mapping or `Model`; None is the default | -    |
    | `backend`     | `None`              | simulator; None takes `LIVN_BACKEND`, else `"native"`    | -    |
    | `profile`     | `"fast"`            | setting of the simulation; or `"exact"`, see `Env`       | -    |
    | `dt`          | `None`              | time step of the simulation; None is the profile's       | ms   |
    | `graph_seed`  | `None`              | another culture of these numbers, or `"resample"`        | -    |
    | `encoding`    | `"pulse_amplitude"` | an encoding: name, mapping or `Encoding`                 | -    |
    | `decoding`    | `"channel_rates"`   | a decoding: name, mapping or `Decoding` of the step      | -    |
    | `conditions`  | `None`              | faults, delays, drift, ablations: `docs/wrappers.md`     | -    |
    | `render_mode` | `None`              | `"rgb_array"` or `"human"` (a window, or a notebook's    | -    |
    |               |                     | cell); both need the extra `viz`                         |      |

    ## References
    Booth, Rinzel & Kiehn, J Neurophysiol 78:3371 (1997) and Pinsky & Rinzel, J Comput Neurosci 1:39 (1994):
    the cells. Wagenaar, Madhavan, Pine & Potter, J Neurosci 25:680 (2005) and Newman et al., eLife 4:e07192
    (2015): closed-loop control of the firing rate of cultures.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array"], "render_fps": 5}

    _spec: EnvSpec | None = None

    def __init__(
        self,
        system: str = "EI2",
        task: str = "rate_tracking",
        *,
        render_mode: str | None = None,
        graph_seed: int | str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        if render_mode is not None:
            check_available()
        self._loop: ClosedLoop | ResampledLoop
        if isinstance(graph_seed, str):
            if graph_seed != RESAMPLE:
                raise unknown_name("graph_seed", graph_seed, (RESAMPLE,))
            self._loop = ResampledLoop(system, task, **options)
        else:
            self._loop = make_loop(system, task, 1, graph_seed=graph_seed, **options)
        self.step_ms = self._loop.step_ms
        self.metadata = {**type(self).metadata, "render_fps": 1000.0 / self.step_ms}
        self.action_space = self._loop.action_space
        self.observation_space = self._loop.observation_space
        self._renderer: LoopRenderer | None = None
        if render_mode is not None:
            self._renderer = LoopRenderer(self._loop, 0, render_mode == "human")
        self.observation_layout = self._loop.layout
        """What each entry of the observation is, for wrappers."""
        self.action_channels = self._loop.action_channels
        """The channel that each number of an action is for, ``[A]``; -1 where it is for no single one."""
        self.episode_charge_nC = 0.0
        """Absolute charge of all channels since the first observation of the episode, nC."""
        self._started = False
        self._closed = False

    @property
    def spec(self) -> EnvSpec | None:
        """How ``gym.make`` made this environment, in a form that JSON can hold; None if it was made by hand."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = in_json(spec)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, float]]:
        """Begin an episode: a culture at rest, settled, and a new target.

        Args:
            seed: Start noise and draws anew from it; None goes on with the next trial.
            options: Takes none.

        Returns:
            The first observation ``[2 C + 1]`` and info.

        Raises:
            InvalidInput: The seed is not an integer from 0 to 2**64 - 1.
            UnknownName: Options were given.
            ClosedEnvironment: The environment is closed.
        """
        self._check_open()
        reset_options(options, ())
        seed = None if seed is None else checked_seed(seed)
        super().reset(seed=seed)
        result = self._loop.reset([self.np_random], [seed])
        (info,) = result.infos
        self._started = True
        self.episode_charge_nC = 0.0
        if self._renderer is not None:
            self._renderer.began(info)
            self._render_human()
        return result.observations[0], info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, float]]:
        """Stimulate the culture for one step.

        Args:
            action: ``[C]`` in -1 ... 1.

        Returns:
            Observation, reward, terminated, truncated (by the task itself; the limit of steps is a wrapper's), info.

        Raises:
            InvalidInput: The action has the wrong shape, is not finite or outside the box; nothing ran.
            ClosedEnvironment: The environment is closed.
        """
        self._check_started("step")
        result = self._loop.step(as_numbers(action)[None])
        (info,) = result.infos
        self.episode_charge_nC += info["charge_nC"]
        if self._renderer is not None:
            self._renderer.stepped(info)
            self._render_human()
        ended = bool(result.terminated[0]), bool(result.truncated[0])
        return result.observations[0], float(result.rewards[0]), *ended, info

    def render(self) -> NDArray[np.uint8] | None:
        """The latest step as a picture ``[640, 960, 3]``; or in a window or cell, which steps refresh themselves."""
        self._check_started("render")
        if self._renderer is None:
            gym.logger.warn('render() needs a render_mode: gym.make(..., render_mode="rgb_array").')
            return None
        if self.render_mode == "human":
            self._renderer.show()
            return None
        return self._renderer.frame()

    def close(self) -> None:
        """Free the culture and the window; may be called twice."""
        self._closed = True
        self._loop.close()
        if self._renderer is not None:
            self._renderer.close()

    @property
    def culture(self) -> Env:
        """The culture inside, for what it is made of; running or changing it breaks the episode."""
        return self._loop.env

    @property
    def measurement(self) -> Measurement:
        """What the loop knows about the latest step.

        Raises:
            ResetNeeded: There was none yet.
        """
        self._check_started("measurement")
        return self._loop.history[0][-1]

    @property
    def last_second(self) -> tuple[Measurement, ...]:
        """What the loop knows about the steps of the last second, oldest first, settling included.

        Raises:
            ResetNeeded: There was none yet.
        """
        self._check_started("last_second")
        return tuple(self._loop.history[0])

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """What the highest command gives by each channel in a step, both phases counted, nC ``[C]``."""
        return self._loop.highest_charge_nC

    @property
    def num_features(self) -> int:
        """F, how many entries of the observation one decoded recording takes: it begins with two of them, or none."""
        return self._loop.num_features

    def __copy__(self) -> Self:
        """A copy with cultures of its own, as ``copy.deepcopy`` makes it: two environments cannot share an episode."""
        return copy.deepcopy(self)

    def _render_human(self) -> None:
        if self.render_mode == "human" and self._renderer is not None:
            self._renderer.show()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironment("This environment is closed; make a new one.")

    def _check_started(self, what: str) -> None:
        self._check_open()
        if not self._started:
            raise gym.error.ResetNeeded(f"Call reset() before {what}().")
