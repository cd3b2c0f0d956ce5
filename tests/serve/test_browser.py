"""The live view as a person meets it, in a headless Chromium."""

import json
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from browser import Browser

from livn_gym.serve import messages
from livn_gym.serve.server import LiveServer

pytestmark = [pytest.mark.slow, pytest.mark.needs("chromium")]

MAP = "document.querySelector('#map')"


@pytest.fixture
def page(session):
    """The page of a paused session, drawn."""
    with LiveServer(session, port=0) as server, Browser() as browser:
        browser.open(server.url)
        browser.wait_for("document.body.dataset.painted")
        browser.server = server
        yield browser
        assert browser.complaints == []


def shown(browser, name):
    """A screenshot; kept in the folder of LIVN_GYM_SCREENSHOTS, where one is named, to be looked at."""
    folder = os.environ.get("LIVN_GYM_SCREENSHOTS")
    return browser.screenshot(None if folder is None else Path(folder) / f"{name}.png")


def electrode(browser, channel):
    """Where a channel lies in the window."""
    # The page's own module says where it draws; the scene is asked for again on a connection of the test's own.
    script = f"""(async () => {{
      const draw = await import('/draw.js');
      const socket = new WebSocket(`ws://${{location.host}}/socket${{location.search}}`);
      const scene = await new Promise(done => socket.onmessage = event => {{
        if (typeof event.data === 'string' && JSON.parse(event.data).type === 'scene') done(JSON.parse(event.data));
      }});
      socket.close();
      const box = {MAP}.getBoundingClientRect();
      const [x, y] = draw.place({MAP}, scene).at(scene.electrodes[{channel}]);
      return [box.x + x, box.y + y];
    }})()"""
    return browser.evaluate(script)


def colours(browser, selector):
    """How many different colours a canvas shows."""
    return browser.evaluate(
        f"(c => new Set(new Uint32Array(c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer)).size)"
        f"(document.querySelector({selector!r}))"
    )


def pixels(png):
    """Width, height and rows of bytes of a PNG of 8-bit RGB(A), without a library for it."""
    width, height, depth, kind = struct.unpack(">IIBB", png[16:26])
    assert depth == 8 and kind in (2, 6)
    data, place = b"", 8
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += 12 + length
    count = 3 if kind == 2 else 4
    rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(height, 1 + width * count)
    return width, height, rows


def test_what_the_page_shows_at_first(page):
    assert page.text("#status") == "paused"
    assert page.evaluate("document.title") == "livn/EI2-v0 · livn_gym live"
    assert page.evaluate("document.querySelector('#task').value") == "livn/EI2-v0"
    assert page.evaluate("document.querySelector('#agent').value") == "constant"
    assert page.text("#pause") == "Resume"
    assert page.evaluate("document.querySelector('#veil').hidden") is True
    assert "EXC, 80 cells" in page.text("#map-legend") and "INH, 20 cells" in page.text("#map-legend")
    # cells, electrodes, raster and traces are there: an empty canvas has one or two colours
    assert colours(page, "#map") > 20 and colours(page, "#raster") > 5
    width, height, rows = pixels(shown(page, "first"))
    assert (width, height) == (1360, 860) and len(np.unique(rows)) > 100
    # nothing is cut off or needs scrolling
    size = "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
    assert page.evaluate(size) == [1360, 860]


def test_steps_one_by_one(page):
    for step in (1, 2, 3):
        page.press("#step")
        page.wait_for(f"document.querySelector('#numbers').innerText.includes('{step} of 12')")
    assert page.server.session.view.step == 3
    total = f"{page.server.session.view.total_reward:.2f}"
    page.wait_for(f"document.querySelector('#reward-note').innerText.includes({total!r})")
    assert colours(page, "#channels") > 20 and colours(page, "#reward") > 3


def test_a_click_on_an_electrode_stimulates_it(page):
    session = page.server.session
    page.choose("#amplitude", "12.5")
    page.choose("#hand-steps", "25")
    assert page.text("#amplitude-value") == "12.5 µA"
    page.click(*electrode(page, 6))
    page.wait_for("document.querySelector('#hand-state').innerText.includes('channel 6 (12.5 µA)')")
    assert session.view.held == {6: 12.5}
    page.press("#step")
    page.wait_for("document.querySelector('#numbers').innerText.includes('1 of 12')")
    charge = session.view.steps[-1].measurement.charge_nC
    # in a step of 200 ms four pulses by hand, and one of the agent's of 30 % of 15 uA
    assert charge[6] == pytest.approx(4 * 2 * 12.5 * 0.2) and charge[7] == pytest.approx(2 * 4.5 * 0.2)
    shown(page, "stimulated")
    page.press("#stop-hand")
    page.wait_for("document.querySelector('#hand-state').innerText.includes('No pulses')")
    assert session.view.held == {}


def test_electrodes_are_chosen_and_stimulated_by_keyboard(page):
    page.evaluate(f"{MAP}.focus()")
    page.strike("ArrowRight")
    page.wait_for("document.querySelector('#map-chosen').innerText.startsWith('Channel')")
    chosen = int(page.text("#map-chosen").split()[1].rstrip("."))
    page.strike("ArrowUp", "ArrowRight", "Enter")
    page.wait_for("!document.querySelector('#hand-state').innerText.includes('No pulses')")
    system = page.server.session.view.scene.system.electrodes[:, :2]
    (held,) = page.server.session.view.held
    step = system[held] - system[chosen]
    assert (step > 0).all() and step[0] == step[1]  # one up and one to the right
    shown(page, "keyboard")
    page.strike(*["ArrowLeft"] * 9)  # stops at the edge
    at = int(page.text("#map-chosen").split()[1].rstrip("."))
    assert system[at][0] == system[:, 0].min() and system[at][1] == system[held][1]
    page.evaluate("document.activeElement.blur()")
    assert page.text("#map-chosen") == ""


def test_what_a_task_follows_has_a_trace(page):
    assert page.evaluate("document.querySelector('#goal').hidden") is True
    page.choose("#task", "livn/EI2-ResponseClamp-v0")
    page.wait_for("document.title.includes('ResponseClamp')")
    page.choose("#agent", "proportional-integral")
    for step in (1, 2, 3):
        page.press("#step")
        page.wait_for(f"document.querySelector('#numbers').innerText.includes('{step} of ')")
    page.wait_for("!document.querySelector('#goal').hidden")
    assert page.text("#goal-name") == "Response" and colours(page, "#goal") > 5
    shown(page, "response")


def test_a_click_beside_the_electrodes_does_nothing(page):
    x, y = electrode(page, 0)
    a, b = electrode(page, 5)
    page.click((x + a) / 2, (y + b) / 2)  # between four of them, further than half the pitch from each
    page.press("#step")
    page.wait_for("document.querySelector('#numbers').innerText.includes('1 of 12')")
    assert page.server.session.view.held == {}


def test_resume_runs_and_space_pauses(page):
    page.press("#pause")
    page.wait_for("document.querySelector('#status').innerText !== 'paused'")
    page.wait_for("document.querySelector('#numbers dd').innerText >= 3")  # third episode
    page.evaluate("document.activeElement.blur()")
    page.strike("Space")
    page.wait_for("document.querySelector('#status').innerText === 'paused'")
    assert page.server.session.view.status == "paused"


def test_reset_with_a_seed_and_a_wrong_seed(page):
    page.choose("#seed", "41")
    page.press("#reset")
    page.wait_for("[...document.querySelectorAll('#numbers dd')][2].innerText === '41'")
    assert page.server.session.view.seed == 41
    page.choose("#seed", "-3")
    page.press("#reset")
    page.wait_for("!document.querySelector('#notice').hidden")
    assert "whole number" in page.text("#notice-text")
    page.press("#notice-close")
    page.wait_for("document.querySelector('#notice').hidden")


def test_another_agent_and_another_task(page):
    page.choose("#agent", "proportional-integral")
    page.wait_for("document.querySelector('#strength-label').hidden")
    session = page.server.session
    page.press("#step")
    page.wait_for("document.querySelector('#numbers').innerText.includes('1 of 12')")
    assert session.view.agent == "proportional-integral"
    page.choose("#task", "livn/EI3-CartPole-v0")
    page.wait_for("document.title.includes('CartPole')")
    page.wait_for("!document.querySelector('#notice').hidden")
    assert "follows target_hz" in page.text("#notice-text")
    page.wait_for("document.querySelector('#agent').value === 'silent'")
    shown(page, "cartpole")


def test_an_error_in_the_loop_is_told_and_the_page_goes_on(page):
    with pytest.raises(ValueError, match="0 ... 15"):
        page.server.session.submit(messages.Stimulate((16,), 1.0, 1)).result(30)
    page.evaluate(
        "new Promise(done => { const s = new WebSocket(`ws://${location.host}/socket${location.search}`);"
        " s.onopen = () => s.send('no json'); s.onmessage = e => { if (typeof e.data === 'string'"
        " && JSON.parse(e.data).type === 'error') { s.close(); done(e.data); } }; })"
    )
    page.press("#step")
    page.wait_for("document.querySelector('#numbers').innerText.includes('1 of 12')")


def test_a_small_window_scrolls_down_and_never_sideways(page):
    page.resize(420, 800)
    page.wait_for("document.querySelector('#map').clientWidth < 420")
    assert page.evaluate("document.documentElement.scrollWidth") <= 420
    shown(page, "narrow")


def test_when_the_program_ends_the_page_says_so(session):
    with Browser() as browser:
        with LiveServer(session, port=0) as server:
            browser.open(server.url)
            browser.wait_for("document.body.dataset.painted")
        browser.wait_for("!document.querySelector('#veil').hidden")
        assert "No connection" in browser.text("#veil-text")
        assert browser.evaluate("document.querySelector('#pause').disabled") is True
        shown(browser, "gone")
        with LiveServer(session, port=server.port, token=server.token):  # and it comes back by itself
            browser.wait_for("document.querySelector('#veil').hidden")
        browser.wait_for("!document.querySelector('#veil').hidden")
        with LiveServer(session, port=server.port):  # another token, of which this page knows nothing
            browser.wait_for("document.querySelector('#veil-text').innerText.includes('started anew')")
            shown(browser, "anew")
        refused = ("ERR_CONNECTION_REFUSED", "403")
        assert all(any(sign in complaint for sign in refused) for complaint in browser.complaints), json.dumps(
            browser.complaints
        )


def test_without_the_token_a_browser_gets_nothing(session):
    with LiveServer(session, port=0) as server, Browser() as browser:
        browser.open(server.url.partition("?")[0])
        browser.wait_for("document.body.innerText.includes('token')")
        assert browser.evaluate("document.scripts.length") == 0
        shown(browser, "refused")
        # Nor does a script that runs on a page of this server, as its files are for everyone.
        state = browser.evaluate(
            "new Promise(done => { const s = new WebSocket(`ws://${location.host}/socket`);"
            " s.onopen = () => done('open'); s.onerror = () => done('refused'); })"
        )
        assert state == "refused" and server._clients == 0
