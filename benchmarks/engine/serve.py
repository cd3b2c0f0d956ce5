"""What a live view costs the loop that it shows: steps a second with a page, without one, and of a bare environment.

Run: python benchmarks/engine/serve.py [--env livn/EI2-v0] [--rounds 12] [--seconds 2] [--browser]

The three take turns in one process, and the ratios are those of a round. The loop runs as fast as it goes, which is
the worst case: at the usual pace of real time it waits most of the time. The page is a client in a process of its own
that takes every frame and does nothing with it; with --browser it is a headless Chromium that draws at 1280 x 800 (and
stands at an empty page in the other turns, so that its start is not measured).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import gymnasium as gym

from livn_gym.agents.baselines import Constant
from livn_gym.serve import messages
from livn_gym.serve.agent_catalog import AgentCatalog
from livn_gym.serve.server import LiveServer
from livn_gym.serve.session import LiveSession

CLIENT = """
import sys
from websockets.sync.client import connect
with connect(sys.argv[1], max_size=None, compression=None) as page:
    frames = 0
    for _ in page:
        frames += 1
        if frames == 3:
            print("connected", flush=True)
"""
LONG = {"max_episode_steps": 10_000_000}
"""Resets are not what is measured."""

WARM_S = 1.5
"""A page that was just opened compiles its scripts; that is over after this time."""


class Bare:
    """The same environment under the same agent, without a session.

    Args:
        env_id: Its id.
    """

    def __init__(self, env_id: str) -> None:
        self.env, self.agent = gym.make(env_id, disable_env_checker=True, **LONG), Constant(0.3)
        self.observation, self.info = self.env.reset(seed=0)
        self.agent.reset(self.env, self.info)

    def rate(self, seconds: float) -> float:
        """Steps a second."""
        count, start = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - start) < seconds:
            action = self.agent.act(self.observation, self.info)
            self.observation, _, _, _, self.info = self.env.step(action)
            count += 1
        return count / elapsed


def shown(session: LiveSession, seconds: float) -> float:
    """Steps a second of a session."""
    before, start = session.view.step, time.perf_counter()
    time.sleep(seconds)
    return (session.view.step - before) / (time.perf_counter() - start)


@contextmanager
def client(server: LiveServer) -> Iterator[None]:
    """A process that reads all that it gets."""
    with subprocess.Popen(
        [sys.executable, "-c", CLIENT, server.socket_url], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def chromium(stack: ExitStack) -> Callable[[LiveServer], AbstractContextManager[None]]:
    """A browser, and how it opens and leaves the page."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
    from browser import Browser

    browser = stack.enter_context(Browser(1280, 800))

    @contextmanager
    def watching(server: LiveServer) -> Iterator[None]:
        browser.open(server.url)
        browser.wait_for("document.body.dataset.painted")
        time.sleep(WARM_S)
        try:
            yield
        finally:
            browser.open("about:blank")

    return watching


def main() -> None:
    """Print the medians and the ratios of rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="livn/EI2-v0")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--browser", action="store_true")
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error("--rounds must be at least 2, since one has no quartiles")
    with ExitStack() as stack:
        session = stack.enter_context(LiveSession(given.env, AgentCatalog(), "constant", speed=None, options=LONG))
        server = stack.enter_context(LiveServer(session, port=0))
        watching = chromium(stack) if given.browser else client
        alone = Bare(given.env)

        def without_session() -> float:
            session.submit(messages.Pause()).result()
            rate = alone.rate(given.seconds)
            session.submit(messages.Resume()).result()
            return rate

        def with_page() -> float:
            with watching(server):
                return shown(session, given.seconds)

        turns = {"bare": without_session, "no page": lambda: shown(session, given.seconds), "page": with_page}
        while session.view.step < 20:
            if session.wait(0.1):
                raise RuntimeError("The session ended.") from session.failure
        found: dict[str, list[float]] = {name: [] for name in turns}
        for number in range(given.rounds):
            order = list(turns)
            for name in order[number % 3 :] + order[: number % 3]:
                found[name].append(turns[name]())
    page = "a page in Chromium" if given.browser else "a client"
    print(f"{given.env}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    print(f"steps a second, median of {given.rounds} x {given.seconds:g} s; slowdown, median and quartiles of rounds")
    print(f"  {'bare environment':30}{statistics.median(found['bare']):8.1f}")
    for name, label, beside in (
        ("no page", "live view, nobody looks", "bare"),
        ("page", f"live view, {page}", "bare"),
        ("page", "  the same by nobody looking", "no page"),
    ):
        slower = [100 * (1 - rate / base) for rate, base in zip(found[name], found[beside], strict=True)]
        low, middle, high = statistics.quantiles(slower, n=4)
        print(f"  {label:30}{statistics.median(found[name]):8.1f} {middle:8.1f} % ({low:.1f} ... {high:.1f})")


if __name__ == "__main__":
    main()
