"""What a live view costs the loop that it shows: steps a second with a connected page and without, taken in turns.

Run: python benchmarks/serve.py [--env livn/EI2-v0] [--pairs 12] [--seconds 2] [--browser]

The loop runs as fast as it goes. The page is a client in a process of its own that takes every frame and does nothing
with it; with --browser it is a headless Chromium that draws (which takes processor time of its own, so a machine with
two cores measures that too). Both are started and ended outside what is timed.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from livn_gym.serve.server import LiveServer
from livn_gym.serve.session import Session
from livn_gym.serve.shelf import Shelf

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


def rate(session: Session, seconds: float) -> float:
    """Steps a second."""
    before, start = session.view.step, time.perf_counter()
    time.sleep(seconds)
    return (session.view.step - before) / (time.perf_counter() - start)


@contextmanager
def client(server: LiveServer) -> Iterator[None]:
    """A process that reads all that it gets."""
    address = f"ws://127.0.0.1:{server.port}/socket"
    with subprocess.Popen([sys.executable, "-c", CLIENT, address], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


@contextmanager
def chromium(server: LiveServer) -> Iterator[None]:
    """A browser that draws the page."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from browser import Browser

    with Browser() as browser:
        browser.open(server.url)
        browser.wait_for("document.body.dataset.painted")
        yield


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--env", default="livn/EI2-v0")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--browser", action="store_true")
    given = parser.parse_args()
    watching = chromium if given.browser else client
    options = {"speed": None, "options": LONG}
    ratios, alone, watched = [], [], []
    with Session(given.env, Shelf(), "constant", **options) as session, LiveServer(session, port=0) as server:
        while session.view.step < 20:
            time.sleep(0.1)
        for pair in range(given.pairs):
            order = (False, True) if pair % 2 else (True, False)
            seen = {}
            for with_page in order:
                if with_page:
                    with watching(server):
                        seen[True] = rate(session, given.seconds)
                    time.sleep(0.5)
                else:
                    seen[False] = rate(session, given.seconds)
            alone.append(seen[False])
            watched.append(seen[True])
            ratios.append(seen[True] / seen[False])
    page = "a Chromium that draws" if given.browser else "a client"
    print(f"{given.env}, {len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}")
    print(f"steps a second, median of {given.pairs} x {given.seconds:g} s")
    print(f"  without a page          {statistics.median(alone):8.1f}")
    print(f"  with {page:21}{statistics.median(watched):8.1f}")
    low, slower, high = statistics.quantiles([100 * (1 - ratio) for ratio in ratios], n=4)
    print(f"slowdown, median of pairs {slower:8.1f} % (quartiles {low:.1f} ... {high:.1f}; at most 5)")


if __name__ == "__main__":
    main()
