import numpy as np
import pytest
from fakes import use_poisson_backend
from PIL import Image

from livn_gym.agents import Constant, run_episodes
from livn_gym.agents.episodes import make_envs
from livn_gym.agents.watch import watch
from livn_gym.errors import InvalidInput

OPTIONS = {"settle_ms": 200.0}


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    use_poisson_backend(monkeypatch)


def test_a_gif_has_a_picture_a_step_at_the_environments_speed(tmp_path):
    told = []
    total = watch(
        Constant(0.4), "livn/EI1-v0", tmp_path / "a.gif", seed=3, steps=4, options=OPTIONS, report=told.append
    )
    with Image.open(tmp_path / "a.gif") as picture:
        assert (picture.n_frames, picture.size, picture.info["duration"]) == (5, (960, 640), 200)
        frames = []
        for k in range(picture.n_frames):
            picture.seek(k)
            frames.append(np.asarray(picture.convert("RGB")))
    assert all((frames[k] != frames[k + 1]).any() for k in range(4))
    assert told == [1, 2, 3, 4] and [path.name for path in tmp_path.iterdir()] == ["a.gif"]
    envs = make_envs("livn/EI1-v0", 1, max_episode_steps=4, **OPTIONS)
    assert total == run_episodes(envs, [Constant(0.4)], [3])[0].total_reward


def test_a_gif_has_the_colours_of_its_pictures(tmp_path):
    """Also those of small areas, such as the ends of a colour bar."""
    pictures = {}
    for suffix in ("gif", "png"):
        path = tmp_path / f"a.{suffix}"
        watch(Constant(0.6), "livn/EI1-v0", path, seed=3, steps=3, options=OPTIONS)
        with Image.open(path) as picture:
            picture.seek(getattr(picture, "n_frames", 1) - 1)
            pictures[suffix] = np.asarray(picture.convert("RGB")).astype(int)
    assert np.abs(pictures["gif"] - pictures["png"]).max() < 40


def test_a_png_is_the_last_picture(tmp_path):
    watch(Constant(0.4), "livn/EI1-v0", tmp_path / "a.png", steps=2, options=OPTIONS)
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.size == (960, 640) and np.ptp(np.asarray(picture)) > 100


@pytest.mark.needs("ffmpeg")
def test_an_mp4_is_one(tmp_path):
    watch(Constant(0.4), "livn/EI1-v0", tmp_path / "a.mp4", steps=2, options=OPTIONS)
    assert (tmp_path / "a.mp4").read_bytes()[4:8] == b"ftyp"


def test_other_formats_are_refused_before_anything_runs(tmp_path):
    with pytest.raises(InvalidInput, match=".gif, .mp4, .png"):
        watch(Constant(0.4), "livn/EI9-v0", tmp_path / "a.avi")
