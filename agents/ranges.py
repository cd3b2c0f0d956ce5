"""Allowed values of every hyperparameter, checked before a training begins."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from livn_gym.errors import InvalidInput, unknown_name
from livn_gym.units import finite, whole_number

Check = Callable[[str, Any], object]
MAX_WHOLE = 10**9
"""Largest whole number allowed, far above any useful buffer, batch or training."""

MAX_LAYERS, MAX_WIDTH = 16, 65_536


def _whole(minimum: int = 1) -> Check:
    def check(name: str, value: Any) -> object:
        if whole_number(name, value, minimum=minimum) > MAX_WHOLE:
            raise InvalidInput(f"{name} must be at most {MAX_WHOLE}, got {value}.")
        return value

    return check


def _number(*, minimum: float | None = None, above: float | None = None, maximum: float = 1e9) -> Check:
    def check(name: str, value: Any) -> object:
        if finite(name, value, minimum=minimum, above=above) > maximum:
            raise InvalidInput(f"{name} must be at most {maximum:g}, got {value!r}.")
        return value

    return check


def _flag(name: str, value: Any) -> object:
    if not isinstance(value, bool):
        raise InvalidInput(f"{name} must be True or False, got {value!r}.")
    return value


def _or(word: str | None, check: Check) -> Check:
    return lambda name, value: value if value is word or value == word else check(name, value)


def _prefixed(prefix: str, check: Check, text_check: Check | None = None) -> Check:
    """Accept a number, or text of a prefix and a number, which may have a check of its own."""

    def checked(name: str, value: Any) -> object:
        if not isinstance(value, str):
            return check(name, value)
        try:
            number = float(value.removeprefix(prefix))
        except ValueError:
            number = None
        if number is None or not value.startswith(prefix):
            raise InvalidInput(f"{name} must be a number or {prefix}<number>, got {value!r}.")
        return (text_check or check)(name, number)

    return checked


def _schedule(check: Check) -> Check:
    return _prefixed("lin_", check)


def _train_freq(name: str, value: Any) -> object:
    pair = value if isinstance(value, list | tuple) else (value, "step")
    if len(pair) != 2 or pair[1] not in ("step", "episode"):
        raise InvalidInput(f"{name} must be a whole number, or one with 'step' or 'episode', got {value!r}.")
    return _whole()(name, pair[0])


def _layers(name: str, value: Any) -> object:
    """Accept a list of layer widths, or a mapping of networks to such lists."""
    for widths in value.values() if isinstance(value, Mapping) else [value]:
        if not isinstance(widths, list | tuple) or len(widths) > MAX_LAYERS:
            raise InvalidInput(f"{name} must list at most {MAX_LAYERS} widths, got {value!r}.")
        for width in widths:
            if whole_number(name, width) > MAX_WIDTH:
                raise InvalidInput(f"{name}: a layer must have at most {MAX_WIDTH} units, got {width}.")
    if isinstance(value, Mapping):
        for network in value:
            if network not in ("pi", "vf", "qf"):
                raise unknown_name(f"network in {name}", network, ("pi", "vf", "qf"))
    return value


POLICY: dict[str, Check] = {
    "net_arch": _layers,
    "log_std_init": _number(minimum=-20.0, maximum=20.0),
    "ortho_init": _flag,
    "n_critics": _whole(),
    "clip_mean": _number(above=0.0),
    "share_features_extractor": _flag,
    "normalize_images": _flag,
}
"""Arguments of a policy, with their checks."""


def policy_arguments(value: Any) -> dict[str, Any]:
    """Check the arguments of a policy.

    Raises:
        UnknownName: There is no such argument.
        InvalidInput: A value is out of range.
    """
    if not isinstance(value, Mapping):
        raise InvalidInput(f"policy_kwargs must be a mapping, got {value!r}.")
    for name, argument in value.items():
        if name not in POLICY:
            raise unknown_name("argument of a policy", name, POLICY)
        POLICY[name](f"policy_kwargs: {name}", argument)
    return dict(value)


def _policy(name: str, value: Any) -> object:
    return policy_arguments(value)


_FRACTION = _number(minimum=0.0, maximum=1.0)
_POSITIVE = _number(above=0.0)

COMMON: dict[str, Check] = {
    "learning_rate": _schedule(_number(above=0.0, maximum=1e3)),
    "batch_size": _whole(),
    "gamma": _FRACTION,
    "policy_kwargs": _policy,
    "stats_window_size": _whole(),
    "verbose": _whole(0),
}
ON_POLICY: dict[str, Check] = COMMON | {
    "n_steps": _whole(),
    "n_epochs": _whole(),
    "gae_lambda": _FRACTION,
    "clip_range": _schedule(_POSITIVE),
    "clip_range_vf": _or(None, _schedule(_POSITIVE)),
    "normalize_advantage": _flag,
    "ent_coef": _number(minimum=0.0),
    "vf_coef": _number(minimum=0.0),
    "max_grad_norm": _POSITIVE,
    "target_kl": _or(None, _POSITIVE),
}
OFF_POLICY: dict[str, Check] = COMMON | {
    "buffer_size": _whole(),
    "learning_starts": _whole(0),
    "tau": _FRACTION,
    "train_freq": _train_freq,
    "gradient_steps": _whole(-1),
    "n_steps": _whole(),
}
RANGES: dict[str, dict[str, Check]] = {
    "PPO": ON_POLICY,
    "SAC": OFF_POLICY
    | {
        "ent_coef": _or("auto", _prefixed("auto_", _number(minimum=0.0), _POSITIVE)),
        "target_update_interval": _whole(),
        "target_entropy": _or("auto", _number()),
    },
    "TD3": OFF_POLICY
    | {
        "policy_delay": _whole(),
        "target_policy_noise": _number(minimum=0.0),
        "target_noise_clip": _number(minimum=0.0),
    },
}
"""Arguments of every algorithm that a file may set, with their checks."""

NORMALIZE: dict[str, Check] = {
    "norm_obs": _flag,
    "norm_reward": _flag,
    "clip_obs": _POSITIVE,
    "clip_reward": _POSITIVE,
    "gamma": _FRACTION,
    "epsilon": _POSITIVE,
    "training": _flag,
}
