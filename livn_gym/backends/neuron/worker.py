"""The process in which one NEURON culture lives: ``python -m livn_gym.backends.neuron.worker``.

Messages are pickles with a length in front, on standard input and output. The process ends when its input
closes, so nothing is left behind when the parent dies.
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


def send(stream: IO[bytes], message: Any) -> None:
    """Write one message."""
    data = pickle.dumps(message, protocol=5)
    rest = memoryview(_LENGTH.pack(len(data)) + data)
    while rest:  # a stream without a buffer may take a part
        rest = rest[stream.write(rest) :]
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message.

    Raises:
        EOFError: The other side is gone.
    """
    (length,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    return pickle.loads(_exactly(stream, length))


def _exactly(stream: IO[bytes], count: int) -> bytes:
    parts = []
    while count:  # a stream without a buffer may give a part
        part = stream.read(count)
        if not part:
            raise EOFError
        parts.append(part)
        count -= len(part)
    return b"".join(parts)


def main() -> None:
    """Serve one culture until the input closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends us by closing the pipe
    source = os.fdopen(os.dup(0), "rb")
    sink = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what NEURON prints must not enter the messages
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
    """Read ahead, so that the end of the parent is seen in the middle of a run."""
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
