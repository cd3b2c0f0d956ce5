"""Pictures and windows. The window is a matplotlib backend of a few lines, so that no display is needed."""

import logging
import sys
import types

import gymnasium as gym
import matplotlib.pyplot as plt
import numpy as np
import pytest
from cultures import system
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

from livn_gym.envs.culture_env import CultureEnv
from livn_gym.envs.rendering import Renderer, _spikes
from livn_gym.envs.tasks import Measurement
from livn_gym.errors import BackendUnavailable, UnknownName
from livn_gym.recording import Recording

pytestmark = pytest.mark.usefixtures("fake")


@pytest.fixture
def window(monkeypatch):
    """An interactive backend; a list of what its windows did."""
    events = []

    class Manager(FigureManagerBase):
        def show(self):
            events.append("show")

        def destroy(self):
            events.append("destroy")

    class Canvas(FigureCanvasAgg):
        manager_class = Manager

        def draw_idle(self, *args, **kwargs):
            self.draw()
            events.append("draw")

        def start_event_loop(self, timeout=0):
            events.append("events")

    module = types.ModuleType("fake_window")
    module.FigureCanvas, module.FigureManager = Canvas, Manager
    monkeypatch.setitem(sys.modules, "fake_window", module)
    before = plt.get_backend()
    plt.switch_backend("module://fake_window")
    yield events
    plt.close("all")
    plt.switch_backend(before)


def measurement(time_ms, gid=(), t=(), channels=1, charge=0.0):
    """One culture's step of 200 ms that ends at ``time_ms``."""
    recording = Recording(
        0.0,
        200.0,
        0.025,
        0.025,
        1,
        np.zeros(len(gid), int),
        np.array(gid, dtype=int),
        np.array(t, dtype=float),
    )
    rate, features = len(gid) / 10 / 0.2, np.zeros(channels)
    return Measurement(recording, features, features, rate, rate, np.full(channels, charge), 0.0, time_ms)


def lit(frame):
    """Share of pixels that are not white."""
    return (frame != 255).any(axis=2).mean()


def test_frames_show_what_happens():
    renderer = Renderer(system(8, 2), np.array([24.0]), window=False)
    empty = renderer.frame()
    assert empty.shape == (640, 960, 3) and empty.dtype == np.uint8
    renderer.add(measurement(200.0, [1, 2, 9], [10.0, 50.0, 120.0], charge=12.0), 8.0)
    first = renderer.frame()
    np.testing.assert_array_equal(first, renderer.frame())
    assert (first != empty).any()
    renderer.add(measurement(400.0, charge=24.0), 8.0)
    second = renderer.frame()
    assert (second != first).any()
    assert not np.shares_memory(first, second)
    renderer.clear()
    renderer.add(measurement(200.0, [1, 2, 9], [10.0, 50.0, 120.0], charge=12.0), 8.0)
    np.testing.assert_array_equal(renderer.frame(), first)


def test_old_steps_are_forgotten():
    renderer = Renderer(system(8, 2), np.array([24.0]), window=False)
    for k in range(150):
        renderer.add(measurement(200.0 * k), None)
    assert len(renderer._steps) == 100  # 20 s of 200 ms


def test_spikes_stand_at_the_time_of_the_episode():
    steps = [measurement(200.0, [3], [5.0]), measurement(400.0, [4, 5], [0.0, 199.0])]
    gid, time = _spikes(steps, 0.0)
    assert list(gid) == [3, 4, 5] and list(time) == [5.0, 200.0, 399.0]
    gid, time = _spikes(steps, 200.0)
    assert list(gid) == [4, 5]


@pytest.mark.parametrize("name", ["livn/EI1-v0", "livn/EI3-v0"])
def test_cultures_of_other_sizes_are_drawn(name):
    env = gym.make(name, render_mode="rgb_array", settle_ms=200.0)
    env.reset(seed=0)
    frame = env.render()
    env.close()
    # axes, marks and text cover a few pixels in a hundred of an otherwise white page
    assert 0.03 < lit(frame) < 0.7


def test_rendering_does_not_change_the_culture():
    results = []
    for mode in (None, "rgb_array"):
        env = gym.make("livn/EI2-v0", render_mode=mode)
        env.reset(seed=3)
        results.append(env.step(np.ones(16, np.float32))[0])
        env.close()
    np.testing.assert_array_equal(*results)


def test_a_picture_leaves_pyplot_alone():
    before = plt.get_fignums()
    env = gym.make("livn/EI1-v0", render_mode="rgb_array")
    env.reset(seed=0)
    env.render()
    assert plt.get_fignums() == before
    env.close()


def test_without_a_mode_rendering_warns_and_gives_nothing():
    env = CultureEnv("EI1")
    env.reset(seed=0)
    with pytest.warns(UserWarning, match="render_mode"):
        assert env.render() is None
    env.close()


def test_a_window_is_refreshed_by_reset_and_step(window):
    env = gym.make("livn/EI1-v0", render_mode="human")
    env.reset(seed=0)
    assert window == ["show", "draw", "events"]
    env.step(env.action_space.sample())
    assert window[3:] == ["draw", "events"]
    assert env.render() is None
    env.close()
    env.close()
    assert window.count("show") == 1 and window.count("destroy") == 1


def test_a_window_that_the_user_closed_stays_closed(window):
    env = gym.make("livn/EI1-v0", render_mode="human")
    env.reset(seed=0)
    plt.close("all")
    seen = len(window)
    env.step(env.action_space.sample())
    assert window[seen:] == []
    env.close()


def test_human_mode_without_a_display_says_so_once(caplog):
    before = plt.get_backend()
    plt.switch_backend("agg")
    with caplog.at_level(logging.WARNING, logger="livn_gym"):
        env = gym.make("livn/EI1-v0", render_mode="human")
        env.reset(seed=0)
        env.step(env.action_space.sample())
        assert env.render() is None
        env.close()
    plt.switch_backend(before)
    assert sum("No window" in record.message for record in caplog.records) == 1
    assert plt.get_fignums() == []


def test_a_backend_that_cannot_start_is_no_crash(window, monkeypatch, caplog):
    def refuse(*args, **kwargs):
        raise ImportError("Cannot load backend 'TkAgg', as 'headless' is currently running")

    monkeypatch.setattr(plt, "figure", refuse)
    with caplog.at_level(logging.WARNING, logger="livn_gym"):
        env = gym.make("livn/EI1-v0", render_mode="human")
        env.reset(seed=0)
        env.close()
    assert "headless" in caplog.text


class Shell:
    """What IPython's shell in a notebook says of itself."""

    kernel = object()
    execution_count = 1


@pytest.fixture
def notebook(monkeypatch):
    """A notebook's IPython; a list of what it showed."""
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("update", picture))

    def display(picture, display_id=False):
        assert display_id is True
        shown.append(("display", picture))
        return Handle()

    shell = Shell()
    ipython, module = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    ipython.get_ipython, ipython.version_info, module.display = (lambda: shell), (9, 0), display
    module.Image = lambda data, format: np.frombuffer(data, np.uint8)
    before = plt.get_backend()
    plt.switch_backend("agg")
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", module)
    shown.append(shell)
    yield shown
    monkeypatch.undo()
    plt.switch_backend(before)


def test_a_notebook_shows_every_step_in_the_cell_that_runs(notebook, caplog):
    shell = notebook.pop()
    env = gym.make("livn/EI1-v0", render_mode="human", settle_ms=200.0)
    env.reset(seed=0)
    env.step(env.action_space.sample())
    assert [what for what, _ in notebook] == ["display", "update"]
    shell.execution_count = 2
    env.step(env.action_space.sample())
    env.step(env.action_space.sample())
    assert [what for what, _ in notebook[2:]] == ["display", "update"]
    pictures = [picture.tobytes() for _, picture in notebook]
    assert len(set(pictures)) == 4 and all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert "No window" not in caplog.text
    env.close()


def test_ipython_in_a_terminal_is_no_notebook(notebook, caplog):
    notebook.pop().kernel = None
    with caplog.at_level(logging.WARNING, logger="livn_gym"):
        env = gym.make("livn/EI1-v0", render_mode="human", settle_ms=200.0)
        env.reset(seed=0)
    assert not notebook and "No window" in caplog.text
    env.close()


@pytest.mark.parametrize("wrap", [gym.wrappers.HumanRendering, None])
def test_lists_of_frames_and_gymnasiums_windows(wrap, tmp_path):
    """RenderCollection is what ``rgb_array_list`` stands for; HumanRendering takes the pictures of rgb_array."""
    if wrap is None:
        env = gym.make("livn/EI1-v0", render_mode="rgb_array_list", settle_ms=200.0)
        env.reset(seed=0)
        env.step(env.action_space.sample())
        assert [frame.shape for frame in env.render()] == [(640, 960, 3)] * 2
    else:
        env = wrap(gym.make("livn/EI1-v0", render_mode="rgb_array", settle_ms=200.0))
        assert env.render_mode == "human"
    env.close()


@pytest.mark.parametrize("mode", ["ansi", "rgb", "depth_array", 3, True])
def test_other_render_modes_are_refused_with_the_list(mode):
    with pytest.raises(UnknownName, match="human.*rgb_array"):
        CultureEnv("EI1", render_mode=mode)


def test_a_picture_before_a_reset_is_asked_for_too_early():
    for make in (gym.make, gym.make_vec):
        env = make("livn/EI1-v0", render_mode="rgb_array")
        with pytest.raises(gym.error.ResetNeeded):
            env.render()
        env.close()


def test_rendering_without_matplotlib_names_the_extra(monkeypatch):
    monkeypatch.setattr("livn_gym.plot.style.find_spec", lambda name: None)
    with pytest.raises(BackendUnavailable, match=r"livn_gym\[viz\]"):
        CultureEnv("EI1", render_mode="rgb_array")
