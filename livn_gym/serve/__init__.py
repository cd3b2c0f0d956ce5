"""Live view of a running culture in the browser: ``livn-gym serve``; needs the extra ``serve``.

The closed loop runs in a separate thread (``LiveSession``) and publishes its latest state. The server
(``LiveServer``, in another thread) makes frames of that state as fast as each browser reads them, so that the loop
does not wait for browsers. Messages of a browser are checked (``messages``) before they reach the loop.
"""

from __future__ import annotations

from importlib.util import find_spec

from livn_gym.errors import BackendUnavailable


def check_available() -> None:
    """Check that the library of the live view is installed.

    Raises:
        BackendUnavailable: It is not; the message says how to install it.
    """
    if find_spec("websockets") is None:
        raise BackendUnavailable('The live view needs websockets, which is missing: pip install "livn_gym[serve]"')


__all__ = ["check_available"]
