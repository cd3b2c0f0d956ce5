"""A headless Chromium, driven over its own debugging protocol, so that tests need no further package."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from urllib.request import urlopen

from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def executable() -> str | None:
    """Path of a Chromium; None where there is none."""
    named = os.environ.get("LIVN_GYM_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None) or (str(MACOS) if MACOS.exists() else None)


class Browser:
    """One page in a browser of its own; a context manager.

    Attributes:
        complaints: What the page wrote to its console as errors, and exceptions that nothing caught.
    """

    def __init__(self, width: int = 1360, height: int = 860) -> None:
        program = executable()
        assert program is not None, f"No Chromium: none of {NAMES} is on the path, LIVN_GYM_CHROMIUM names none."
        self.complaints: list[str] = []
        self._ids = itertools.count(1)
        self._stack = ExitStack()
        self._folder = Path(tempfile.mkdtemp(prefix="livn-browser-"))
        command = [
            program,
            "--headless=new",
            "--no-sandbox",  # containers have no user namespaces; it opens this project's page alone
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            "--disable-background-networking",
            "--remote-debugging-port=0",
            f"--user-data-dir={self._folder}",
            f"--window-size={width},{height}",
            "about:blank",
        ]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            port = self._port()
            with urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                page = next(target for target in json.load(answer) if target["type"] == "page")
            self._socket = self._stack.enter_context(connect(page["webSocketDebuggerUrl"], max_size=None))
            for domain in ("Page", "Runtime", "Log"):
                self.call(f"{domain}.enable")
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            self.call("Emulation.setDeviceMetricsOverride", **size)
        except BaseException:
            self.close()
            raise

    def _port(self) -> int:
        file, end = self._folder / "DevToolsActivePort", time.monotonic() + 60
        while time.monotonic() < end:
            if file.exists() and len(lines := file.read_text().splitlines()) == 2:
                return int(lines[0])
            if self._process.poll() is not None:
                raise RuntimeError(f"Chromium ended with exit code {self._process.returncode}.")
            time.sleep(0.05)
        raise TimeoutError("Chromium did not say where it listens.")

    def call(self, method, **arguments):
        """Call a method of the protocol; its result."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": arguments}))
        while True:
            message = json.loads(self._socket.recv(timeout=60))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, event):
        details = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(details["exceptionDetails"])[:500])
        elif event.get("method") == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.complaints.append(f"{details['entry']['text']} {details['entry'].get('url', '')}")
        elif event.get("method") == "Runtime.consoleAPICalled" and details["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(details["args"])[:500])

    def open(self, url):
        """Go to a page and wait until it stands."""
        self.call("Page.navigate", url=url)
        self.wait_for(f"location.href === {url!r} && document.readyState === 'complete'")

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait_for(self, expression, timeout_s=60.0):
        """The value of an expression as soon as it is true."""
        end = time.monotonic() + timeout_s
        while not (value := self.evaluate(expression)):
            if time.monotonic() > end:
                raise TimeoutError(f"{expression} stayed {value!r}; the page says {self.text('body')[:400]!r}")
            time.sleep(0.05)
        return value

    def text(self, selector):
        """What an element shows."""
        return self.evaluate(f"document.querySelector({selector!r}).innerText")

    def click(self, x, y):
        """Move the mouse there and press it."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def press(self, selector):
        """Click the middle of an element."""
        box = f"document.querySelector({selector!r}).getBoundingClientRect()"
        x, y = self.evaluate(f"(b => [b.x + b.width / 2, b.y + b.height / 2])({box})")
        self.click(x, y)

    def choose(self, selector, value):
        """Set a select, or another input, as a person would."""
        self.evaluate(
            f"(e => {{ e.value = {json.dumps(value)}; e.dispatchEvent(new Event('input', {{bubbles: true}}));"
            f" e.dispatchEvent(new Event('change', {{bubbles: true}})); }})(document.querySelector({selector!r}))"
        )

    def screenshot(self, path=None):
        """The page as PNG bytes, also written to a path."""
        png = base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            Path(path).write_bytes(png)
        return png

    def close(self):
        """End the browser and remove its folder."""
        self._stack.close()
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(20)
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()
