"""A page in a headless Chromium of the system, driven by Playwright; its own browsers are not downloaded."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
TIMEOUT_MS = 60_000


def executable() -> str | None:
    """Path of a Chromium; None where there is none."""
    named = os.environ.get("LIVN_GYM_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None) or (str(MACOS) if MACOS.exists() else None)


class Browser:
    """One page in a browser of its own; a context manager.

    Attributes:
        page: Playwright's page.
        complaints: Errors on the page's console, and exceptions that nothing caught.
    """

    def __init__(self, width: int = 1360, height: int = 860) -> None:
        self.size = {"width": width, "height": height}
        self.complaints: list[str] = []

    def __enter__(self) -> Browser:
        """Start the browser."""
        from playwright.sync_api import sync_playwright

        program = executable()
        assert program is not None, f"No Chromium: none of {NAMES} is on the path, LIVN_GYM_CHROMIUM names none."
        with ExitStack() as stack:
            playwright = stack.enter_context(sync_playwright())
            # Containers have no user namespaces for the sandbox and little shared memory.
            options = {"chromium_sandbox": False, "args": ["--disable-dev-shm-usage"]}
            browser = stack.enter_context(playwright.chromium.launch(executable_path=program, **options))
            self.page = browser.new_page(viewport=self.size)
            self._stack = stack.pop_all()
        self.page.set_default_timeout(TIMEOUT_MS)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", self._note)
        return self

    def __exit__(self, *exception) -> None:
        """End the browser."""
        self._stack.close()

    def _note(self, message) -> None:
        if message.type in ("error", "assert"):
            self.complaints.append(f"{message.text} {message.location.get('url', '')}")

    def open(self, url):
        """Go to a page and wait until it is loaded."""
        self.page.goto(url)

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page, awaited."""
        return self.page.evaluate(expression)

    def wait_for(self, expression):
        """Wait until an expression is true; its value."""
        end = time.monotonic() + TIMEOUT_MS / 1000
        while not (value := self.evaluate(expression)):  # wait_for_function needs a page that allows eval
            if time.monotonic() > end:
                raise TimeoutError(f"{expression} stayed {value!r}; the page says {self.text('body')[:400]!r}")
            self.page.wait_for_timeout(50)
        return value

    def text(self, selector):
        """The text that an element shows."""
        return self.page.inner_text(selector)

    def click(self, x, y):
        """Click a place of the window."""
        self.page.mouse.click(x, y)

    def press(self, selector):
        """Click an element, which must be visible, enabled and not covered."""
        self.page.click(selector)

    def strike(self, *keys):
        """Press keys, one after the other."""
        for key in keys:
            self.page.keyboard.press(key)

    def choose(self, selector, value):
        """Set a select or another input, as a person would."""
        if self.page.locator(selector).evaluate("element => element.localName") == "select":
            self.page.select_option(selector, value)
        else:
            self.page.fill(selector, value)

    def resize(self, width, height):
        """Change the size of the window."""
        self.page.set_viewport_size({"width": width, "height": height})

    def screenshot(self, path=None):
        """The page as PNG bytes, also written to a path."""
        return self.page.screenshot(path=path)
