"""An episode as moving or still pictures."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

from livn_gym.agents.baselines import Agent
from livn_gym.agents.episodes import with_graphs
from livn_gym.atomic import replacing
from livn_gym.errors import BackendUnavailable, InvalidInput

SUFFIXES = (".gif", ".mp4", ".png")


def watch(
    agent: Agent,
    env_id: str,
    path: str | Path,
    *,
    seed: int = 0,
    steps: int | None = None,
    options: Mapping[str, Any] | None = None,
    report: Callable[[int], None] | None = None,
) -> float:
    """Play an episode and write what it looks like.

    Args:
        agent: Who acts.
        env_id: Id of an environment that draws ``rgb_array``.
        path: ``.gif`` or ``.mp4`` for one picture a step at the environment's own speed, ``.png`` for the last one.
        seed: Of the environment's reset.
        steps: At most so many; None is the environment's limit.
        options: Options of the environment.
        report: Called after every step with its number.

    Returns:
        The return of the episode.

    Raises:
        InvalidInput: The path has another suffix.
        BackendUnavailable: matplotlib is missing, or ffmpeg for ``.mp4``.
    """
    path = Path(path)
    check_format(path)
    given = with_graphs(options or {}, 1) | ({} if steps is None else {"max_episode_steps": steps})
    if isinstance(given.get("graph_seed"), list):
        (given["graph_seed"],) = given["graph_seed"]
    env = gym.make(env_id, render_mode="rgb_array", **given)
    try:
        observation, info = env.reset(seed=seed)
        agent.reset(env, info)
        moving = path.suffix != ".png"
        frames = [_frame(env)] if moving else []
        total, ended, count = 0.0, False, 0
        while not ended:
            observation, reward, terminated, truncated, info = env.step(agent.act(observation, info))
            total, ended, count = total + float(reward), terminated or truncated, count + 1
            if moving or ended:
                frames.append(_frame(env))
            if report is not None:
                report(count)
        with replacing(path) as part:
            _write(part, frames, float(env.metadata["render_fps"]))
    finally:
        env.close()
    return total


def check_format(path: Path) -> None:
    """Raise if a picture of that name could not be written.

    Raises:
        InvalidInput: The suffix is another one.
        BackendUnavailable: ffmpeg is missing for ``.mp4``.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidInput(f"An episode is written as {', '.join(SUFFIXES)}, got {str(path)!r}.")
    if path.suffix == ".mp4" and not _ffmpeg():
        raise BackendUnavailable("An .mp4 needs ffmpeg, which is missing: install it, or write a .gif.")


def _frame(env: gym.Env) -> NDArray[np.uint8]:
    frame: Any = env.render()
    return frame


def _write(path: Path, frames: list[NDArray[np.uint8]], fps: float) -> None:
    if path.suffix == ".mp4":
        _write_mp4(path, frames, fps)
        return
    image = import_module("PIL.Image")
    pictures = [image.fromarray(frame) for frame in frames]
    if len(pictures) == 1:
        pictures[0].save(path)
        return
    palette = pictures[-1].quantize(64)  # one for all, so that colours do not flicker
    pictures = [picture.quantize(palette=palette, dither=image.Dither.NONE) for picture in pictures]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=round(1000.0 / fps), loop=0)


def _write_mp4(path: Path, frames: list[NDArray[np.uint8]], fps: float) -> None:
    matplotlib = import_module("matplotlib")
    animation = import_module("matplotlib.animation")
    height, width = frames[0].shape[:2]
    figure = import_module("matplotlib.figure").Figure(figsize=(width / 100, height / 100), dpi=100)
    import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    shown = figure.figimage(frames[0])
    writer = animation.FFMpegWriter(fps=fps)
    with matplotlib.rc_context({"animation.ffmpeg_path": _ffmpeg()}), writer.saving(figure, str(path), 100):
        for frame in frames:
            shown.set_data(frame)
            writer.grab_frame()


def _ffmpeg() -> str:
    """Path of an ffmpeg; empty where there is none."""
    if find_spec("imageio_ffmpeg") is not None:
        return import_module("imageio_ffmpeg").get_ffmpeg_exe()
    return shutil.which("ffmpeg") or ""
