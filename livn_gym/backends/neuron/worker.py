"""Worker process of one NEURON culture: ``python -m livn_gym.backends.neuron.worker``.

Messages are pickles preceded by their length, on standard input and output. The process ends when its input is closed,
so that none is left behind when the parent dies.
"""

from __future__ import annotations

import os
import pickle
import queue
import signal
import struct
import sys
import threading
import traceback
from typing import IO, Any

from livn_gym.errors import LivnError

_LENGTH = struct.Struct("<Q")
_JOINED_BYTES = 2**16
"""Size from which a message is not copied to write it together with its length."""


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=5)
    length = _LENGTH.pack(len(data))
    # A joint copy saves a call; recordings are too large for it.
    for part in (length + data,) if len(data) < _JOINED_BYTES else (length, data):
        remaining = memoryview(part)
        while remaining:  # an unbuffered stream may write only a part
            remaining = remaining[stream.write(remaining) :]
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message.

    Raises:
        EOFError: The other side has closed the stream.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], count: int) -> bytes:
    blocks = []
    while count:  # an unbuffered stream may read only a part
        block = stream.read(count)
        if not block:
            raise EOFError
        blocks.append(block)
        count -= len(block)
    return b"".join(blocks)


def main() -> None:
    """Serve one culture until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles Ctrl-C and ends this process by closing the pipe
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of NEURON must not mix with the messages
    messages: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(source, messages), daemon=True).start()
    culture = None
    while True:
        name, arguments = messages.get()
        try:
            if name == "build":
                from livn_gym.backends.neuron.culture import Culture

                spec, compiled = arguments
                culture, result = Culture(spec, compiled), None
            else:
                result = getattr(culture, name)(*arguments)
        except Exception as error:
            text = traceback.format_exc()
            send(sink, ("error", error if isinstance(error, LivnError) else None, text))
        else:
            send(sink, ("result", result, ""))


def _listen(source: IO[bytes], messages: queue.SimpleQueue[Any]) -> None:
    """Read messages ahead, so that the end of the parent is noticed during a run."""
    try:
        while True:
            messages.put(receive(source))
    except EOFError:
        os._exit(0)
    except Exception:
        traceback.print_exc(file=sys.stderr)
        os._exit(1)


if __name__ == "__main__":
    main()
