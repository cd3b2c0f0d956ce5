"""Write an episode as an animation or a picture."""

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
    """Play one episode and write it as an animation or a picture.

    Args:
        agent: Agent that acts.
        env_id: Id of an environment with the render mode ``rgb_array``.
        path: Output file: ``.gif`` or ``.mp4`` for an animation of one frame per step at the environment's
            ``render_fps``, ``.png`` for the last frame.
        seed: Seed of the environment's reset.
        steps: Maximum number of steps; None for the environment's time limit.
        options: Options of the environment.
        report: Called after every step with its number.

    Returns:
        The return of the episode.

    Raises:
        InvalidInput: The suffix of the path is not supported.
        BackendUnavailable: matplotlib is missing, or ffmpeg for ``.mp4``.
    """
    path = Path(path)
    check_format(path)
    env_options = with_graphs(options or {}, 1) | ({} if steps is None else {"max_episode_steps": steps})
    if isinstance(env_options.get("graph_seed"), list):
        (env_options["graph_seed"],) = env_options["graph_seed"]
    env = gym.make(env_id, render_mode="rgb_array", **env_options)
    try:
        observation, info = env.reset(seed=seed)
        agent.reset(env, info)
        animated = path.suffix != ".png"
        frames = [_frame(env)] if animated else []
        total, ended, count = 0.0, False, 0
        while not ended:
            observation, reward, terminated, truncated, info = env.step(agent.act(observation, info))
            total, ended, count = total + float(reward), terminated or truncated, count + 1
            if animated or ended:
                frames.append(_frame(env))
            if report is not None:
                report(count)
        with replacing(path) as temporary:
            _write(temporary, frames, float(env.metadata["render_fps"]))
    finally:
        env.close()
    return total


def check_format(path: Path) -> None:
    """Check that an episode can be written in the format of the path's suffix.

    Raises:
        InvalidInput: The suffix is not supported.
        BackendUnavailable: The suffix is ``.mp4`` and ffmpeg is missing.
    """
    if path.suffix not in SUFFIXES:
        raise InvalidInput(f"The file of an episode must end in {', '.join(SUFFIXES)}, got {str(path)!r}.")
    if path.suffix == ".mp4" and not _ffmpeg():
        raise BackendUnavailable("Writing .mp4 needs ffmpeg, which is missing: install it, or write a .gif.")


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
    # One palette for all frames, so that colours do not flicker. By default it has few of the colours of small areas.
    palette = pictures[-1].quantize(256, method=image.Quantize.MAXCOVERAGE)
    pictures = [picture.quantize(palette=palette, dither=image.Dither.NONE) for picture in pictures]
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=round(1000.0 / fps), loop=0)


def _write_mp4(path: Path, frames: list[NDArray[np.uint8]], fps: float) -> None:
    matplotlib = import_module("matplotlib")
    animation = import_module("matplotlib.animation")
    height, width = frames[0].shape[:2]
    figure = import_module("matplotlib.figure").Figure(figsize=(width / 100, height / 100), dpi=100)
    import_module("matplotlib.backends.backend_agg").FigureCanvasAgg(figure)
    image = figure.figimage(frames[0])
    writer = animation.FFMpegWriter(fps=fps)
    with matplotlib.rc_context({"animation.ffmpeg_path": _ffmpeg()}), writer.saving(figure, str(path), 100):
        for frame in frames:
            image.set_data(frame)
            writer.grab_frame()


def _ffmpeg() -> str:
    """Return the path of ffmpeg; empty if it is not installed."""
    if find_spec("imageio_ffmpeg") is not None:
        return import_module("imageio_ffmpeg").get_ffmpeg_exe()
    return shutil.which("ffmpeg") or ""
