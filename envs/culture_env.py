"""The Gymnasium environment of one culture."""

from __future__ import annotations

import copy
from typing import Any, Self

import gymnasium as gym
import numpy as np
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from livn_gym.decoding import Decoding
from livn_gym.device_profile import DeviceProfile
from livn_gym.env import Env
from livn_gym.envs.actions import as_numbers
from livn_gym.envs.arguments import reset_options
from livn_gym.envs.episode_loop import EpisodeLoop
from livn_gym.envs.loop_rendering import LoopRenderer
from livn_gym.envs.loop_spec import LoopSpec
from livn_gym.envs.provenance import in_info, of_loop
from livn_gym.envs.specs import in_json
from livn_gym.envs.tasks import Measurement, Task
from livn_gym.envs.user_env import EnvPlaceholder, claimed
from livn_gym.errors import ClosedEnvironment, unknown_name
from livn_gym.numerics import checked_seed
from livn_gym.plot.style import check_available
from livn_gym.stimulus import Stimulus
from livn_gym.view import CultureView


class CultureEnv(gym.Env):
    """An environment that simulates a neuronal culture on a multi-electrode array, with a task.

    ## Description
    A culture of excitatory and inhibitory two-compartment neurons grows on an array of electrodes. It fires
    spontaneously at a few Hz and in bursts. Charge-balanced current pulses through the electrodes make nearby cells
    fire, and these excite others through their synapses. In every control step the agent chooses a stimulation, the
    culture runs, and the agent observes the firing rate around each channel. The task defines the other entries of the
    observation, the reward, and when an episode ends:

    | task               | id                                 | aim                                        |
    | ------------------ | ---------------------------------- | ------------------------------------------ |
    | `RateTracking`     | `livn/EI1-v0` to `livn/EI4-v0`     | a firing rate that follows a target        |
    | `PatternTracking`  | `livn/EI3-PatternTracking-v0`      | a late response in a target pattern        |
    | `BurstSuppression` | `livn/EI2-BurstSuppression-v0`     | no bursts, little charge                   |
    | `StimulusTiming`   | `livn/EI2-StimulusTiming-v0`       | large responses to pulses between bursts   |
    | `ResponseClamp`    | `livn/EI2-ResponseClamp-v0`, EI3   | a share of cells that respond to a pulse   |
    | `OptoClamp`        | `livn/EI2-OptoClamp-v0`, EI3       | a target firing rate, by light alone       |
    | `Discrimination`   | `livn/EI3-Discrimination-v0`       | responses that a fixed decoder tells apart |
    | `CartPole`         | `livn/EI3-CartPole-v0`             | a culture that balances a pole             |
    | `Pong`             | `livn/EI3-Pong-v0`                 | a culture that plays Pong                  |

    Each is a class of that name in `livn_gym.envs.tasks`, whose docstring has the same headings. The *share of the
    network* in it is the share of the best reference agent's gain over silence that is lost when all synapses are cut,
    with its 95 % interval. Cultures:

    | system | neurons | channels C | area (um)   |
    | ------ | ------- | ---------- | ----------- |
    | `EI1`  | 10      | 1          | 40 x 40     |
    | `EI2`  | 100     | 16         | 400 x 400   |
    | `EI3`  | 1,000   | 64         | 1000 x 1000 |
    | `EI4`  | 10,000  | 1,024      | 4000 x 4000 |

    ## Action Space
    A `Box` of float32 within -1 to 1, in most tasks one number per channel: the amplitude of its pulses, from none to
    the highest of the task's encoding (15 uA or less, up to 3 nC per phase). Pulses are biphasic, cathodic first,
    0.2 ms per phase. An action with the wrong shape, NaN, or a value outside the box raises `InvalidInput`; a value
    that rounding moved past a bound, by no more than 16 float32 steps, is clipped to it.

    ## Observation Space
    A one-dimensional `Box` of float32. For most tasks it begins with the decoded recording of the last step
    and of the last second, by default the rate at every channel, summed over its cells; the entries of the task follow.

    | num        | observation                            | min | max            | unit |
    | ---------- | -------------------------------------- | --- | -------------- | ---- |
    | 0 ... C-1  | rate at the channel in the last step   | 0   | the decoding's | Hz   |
    | C ... 2C-1 | rate at the channel in the last second | 0   | the decoding's | Hz   |
    | 2C ...     | entries of the task                    |     |                |      |

    `info` holds floats and three strings, always under the same names. Every task has these:

    | key                | meaning                                                          | unit |
    | ------------------ | ---------------------------------------------------------------- | ---- |
    | `rate_hz`          | mean rate of a cell in the last step, while it was recorded      | Hz   |
    | `rate_1s_hz`       | mean of `rate_hz` over the steps of the last second              | Hz   |
    | `charge_nC`        | absolute charge of all channels in the step, both phases counted | nC   |
    | `charge_fraction`  | `charge_nC` as a share of that of the strongest action           | -    |
    | `time_ms`          | time since the first observation                                 | ms   |
    | `lost_fraction`    | share of the step lost by blanking, mean over channels           | -    |
    | `blanked_channels` | channels that recorded for less than a quarter of the step: the  | -    |
    |                    | observation repeats their last value                             |      |
    | `direct_spikes`    | spikes that the field evoked, within 0.8 ms of a pulse: for      | -    |
    |                    | research, since an array does not record them                    |      |
    | `synaptic_spikes`  | all other spikes of the culture in the step, recorded or not     | -    |

    The strings name the origin of a result: `params` is the name of the culture's parameters (empty for unnamed ones),
    `params_hash` 12 hexadecimal digits that depend on every one of them, and `task_version` the version of the task.
    Vector environments hold them in arrays of objects.

    With a device, two more strings name it: `device`, and `device_hash`, 12 digits that depend on every limit.
    On `"channels"`, a rate of a cell is one of a channel, as the device detects it.

    Cultures with an opsin have two more: `dose_mJ_mm2`, the dose of all lights in the step (mJ/mm2), and
    `dose_fraction`, the same as a share of that of the strongest action.

    ## Rewards
    The task defines the reward.

    ## Starting State
    A culture at rest that has then run unstimulated for `settle_ms` before the first observation; this time is
    not counted as steps. `reset(seed=s)` starts the culture's noise and the task's random numbers from `s`; `reset()`
    continues with the next trial, with new noise and new random numbers.

    ## Episode End
    The task may terminate or truncate an episode. Every id also has a limit of steps, at which an episode is truncated;
    `gym.make(..., max_episode_steps=)` changes it.

    ## Arguments
    Keyword arguments of `gym.make("livn/EI2-v0", ...)`; a task has further ones and may have other defaults. An unknown
    argument raises `UnknownOption`, which is a `TypeError`; None means the default. Instead of a name, an argument can
    be a reference `"module:attribute"`, the path of a file, a class or an object, see `docs/extending.md`.
    `livn/Culture-v0` is the id for any system and task.

    | name          | default             | meaning                                                            | unit |
    | ------------- | ------------------- | ------------------------------------------------------------------ | ---- |
    | `system`      | (of the id)         | the culture: name, folder, TOML file or `System`                   | -    |
    | `task`        | (of the id)         | the task: name, class, or mapping with a `name` and options        | -    |
    | `env`         | `None`              | an `Env` that was built and configured before, in place of system, | -    |
    |               |                     | parameters, ...: it belongs to the environment, which closes it    |      |
    | `step_ms`     | 200                 | length of a control step; divides 1000                             | ms   |
    | `settle_ms`   | 2000                | unstimulated time before the first observation                     | ms   |
    | `encoding`    | `"pulse_amplitude"` | from commands to a stimulus: name, mapping or `Encoding`           | -    |
    | `decoding`    | `"channel_rates"`   | from the recording of a step to features: name, mapping or         | -    |
    |               |                     | `Decoding`                                                         |      |
    | `variant`     | `None`              | the culture's parameters, as `"bursting"`; None is the system's    | -    |
    | `params`      | `None`              | parameters: name, TOML file or mapping of keys                     | -    |
    | `io`          | `None`              | electrode interface: name, mapping or `IO`                         | -    |
    | `model`       | `None`              | cells: name, mapping or `Model`; None is the default               | -    |
    | `opsin`       | `None`              | opsin of the cells, as `"williams_2013"`; None is none             | -    |
    | `light`       | `None`              | lights: `"lamp"`, mapping or `LightArray`; None is a lamp if there | -    |
    |               |                     | is an opsin                                                        |      |
    | `backend`     | `None`              | simulator; None takes `LIVN_BACKEND`, otherwise `"native"`         | -    |
    | `profile`     | `"fast"`            | profile of the simulation; or `"exact"`, see `Env`                 | -    |
    | `dt`          | `None`              | time step of the simulation; None is the profile's                 | ms   |
    | `conditions`  | `None`              | faults, delays, drift, ablations: `docs/wrappers.md`               | -    |
    | `randomize`   | `None`              | factors of parameters drawn for every episode: `docs/wrappers.md`  | -    |
    | `posterior`   | `None`              | folder of `livn-gym fit`: every episode draws one of its parameter | -    |
    |               |                     | sets: `docs/fit.md`                                                |      |
    | `blank_ms`    | `(3.0, 1.0)`        | blanking: time after current in which the stimulated electrodes,   | ms   |
    |               |                     | and others, do not record; 0 is none; devices have other defaults  |      |
    | `device`      | `None`              | device under whose limits the culture is simulated, as `"cl1"`:    | -    |
    |               |                     | `docs/devices.md`                                                  |      |
    | `observation` | `None`              | spikes of `"cells"`, or those that the device detects on its       | -    |
    |               |                     | `"channels"`; None is channels with a device, cells without        |      |
    | `plant`       | `None`              | cultures behind a device in place of simulated ones, as `"cl"`     | -    |
    | `graph_seed`  | `None`              | another culture of the same numbers, or `"resample"` for a new one | -    |
    |               |                     | in every episode                                                   |      |
    | `render_mode` | `None`              | `"rgb_array"` or `"human"` (a window, or a notebook's cell); both  | -    |
    |               |                     | need the extra `viz`                                               |      |

    ## References
    Booth, Rinzel & Kiehn, J Neurophysiol 78:3371 (1997) and Pinsky & Rinzel, J Comput Neurosci 1:39 (1994): the cells.

    ## Version History
    * v0: Initial version.
    """

    metadata: dict[str, Any] = {"render_modes": ["human", "rgb_array"], "render_fps": 5}

    _spec: EnvSpec | None = None

    def __init__(
        self,
        system: Any = None,
        task: Any = "rate_tracking",
        *,
        env: Env | None = None,
        render_mode: str | None = None,
        graph_seed: int | str | None = None,
        **options: Any,
    ) -> None:
        if render_mode is not None and render_mode not in self.metadata["render_modes"]:
            raise unknown_name("render_mode", render_mode, self.metadata["render_modes"])
        self.render_mode = render_mode
        if render_mode is not None:
            check_available()
        if env is None:
            spec = LoopSpec.of("EI2" if system is None else system, task, **options)
            self._loop = EpisodeLoop(spec, graph_seed)
        else:
            with claimed(env, {"system": system, "graph_seed": graph_seed, **options}) as culture:
                spec = LoopSpec.of(culture.system.name, task, **options)
                self._loop = EpisodeLoop(spec, env=culture)
        self.provenance = of_loop(spec, self._loop.env)
        """Name and hash of the parameters, name, version and hash of the task."""
        self._origin = in_info(self.provenance)
        self.step_ms = self._loop.step_ms
        self.metadata = {**type(self).metadata, "render_fps": 1000.0 / self.step_ms}
        self.action_space = self._loop.action_space
        self.observation_space = self._loop.observation_space
        self._renderer: LoopRenderer | None = None
        if render_mode is not None:
            self._renderer = LoopRenderer(self._loop, 0, render_mode == "human")
        self.observation_layout = self._loop.layout
        """Layout of the observation, for wrappers."""
        self.action_channels = self._loop.action_channels
        """Channel of each number of an action, ``[A]``; -1 where it belongs to no single channel."""
        self.episode_charge_nC = 0.0
        """Absolute charge of all channels since the first observation of the episode, nC."""
        self._started = False
        self._closed = False

    @property
    def spec(self) -> EnvSpec | None:
        """The spec from which ``gym.make`` made this environment, in a form that JSON can hold; None otherwise."""
        return self._spec

    @spec.setter
    def spec(self, spec: EnvSpec | None) -> None:
        self._spec = in_json(spec)
        if self._spec is not None and isinstance(self._spec.kwargs.get("env"), Env):
            self._spec.kwargs["env"] = EnvPlaceholder(self._spec.kwargs["env"])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode with a settled culture and new random numbers of the task.

        Args:
            seed: Seed of the culture's noise and the task's random numbers; None continues with the next trial.
            options: No options are supported.

        Returns:
            The first observation, ``[2 F + K]`` (F decoded features, K entries of the task), and info.

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
        info: dict[str, Any] = {**result.infos[0], **self._origin}
        self._started = True
        self.episode_charge_nC = 0.0
        if self._renderer is not None:
            self._renderer.begin(info)
            self._render_human()
        return result.observations[0], info

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Stimulate the culture for one step.

        Args:
            action: A point of the action space, ``[A]``.

        Returns:
            Observation, reward, terminated, truncated (by the task itself; the limit of steps is a wrapper's), info.

        Raises:
            InvalidInput: The action has the wrong shape, is not finite or outside the box; nothing ran.
            ResetNeeded: The environment was not reset, or its last step or reset was interrupted.
            ClosedEnvironment: The environment is closed.
        """
        self._check_started("step")
        result = self._loop.step(as_numbers(action)[None])
        info: dict[str, Any] = {**result.infos[0], **self._origin}
        self.episode_charge_nC += info["charge_nC"]
        if self._renderer is not None:
            self._renderer.add_step(info)
            self._render_human()
        ended = bool(result.terminated[0]), bool(result.truncated[0])
        return result.observations[0], float(result.rewards[0]), *ended, info

    def render(self) -> NDArray[np.uint8] | None:
        """Return a picture of the latest step, ``[640, 960, 3]``; with ``"human"``, refresh the window instead."""
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
    def culture(self) -> Any:
        """The culture, an ``Env`` or another plant, used only to read it; running it breaks the episode."""
        return self._loop.env

    @property
    def decoding(self) -> Decoding:
        """The decoding of each step's recording."""
        return self._loop.decoding

    @property
    def view(self) -> CultureView:
        """View that recordings refer to: the culture itself, or the channels of a device as cells."""
        return self._loop.view

    @property
    def device(self) -> DeviceProfile | None:
        """The usable channels of the device under whose limits the culture is; None for none."""
        return self._loop.device

    @property
    def task(self) -> Task:
        """The task, used only to read its options and setup; changing it breaks the episode."""
        return self._loop.tasks[0]

    @property
    def measurement(self) -> Measurement:
        """The measurement of the latest step.

        Raises:
            ResetNeeded: The environment was not reset yet.
        """
        self._check_started("measurement")
        return self._loop.history[0][-1]

    @property
    def last_second(self) -> tuple[Measurement, ...]:
        """The measurements of the last second, oldest first, settling included.

        Raises:
            ResetNeeded: The environment was not reset yet.
        """
        self._check_started("last_second")
        return tuple(self._loop.history[0])

    @property
    def strongest_stimulus(self) -> Stimulus | None:
        """Stimulus of the highest command in a step."""
        return self._loop.strongest

    @property
    def highest_charge_nC(self) -> NDArray[np.float64]:
        """Charge of each channel in a step under the highest command, both phases counted, nC ``[C]``."""
        return self._loop.highest_charge_nC

    @property
    def num_features(self) -> int:
        """F, the length of each of the two decoded recordings at the start of the observation; 0 if it has none."""
        return self._loop.num_features

    def __copy__(self) -> Self:
        """Return a deep copy, with a copy of the culture: two environments cannot share an episode."""
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
