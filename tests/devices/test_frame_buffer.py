"""The buffer of frames returns what was appended, as long as it is kept."""

import numpy as np
import pytest

from livn_gym.devices.frame_buffer import FrameBuffer
from livn_gym.errors import InvalidInput


def test_frames_are_those_that_were_appended():
    buffer = FrameBuffer(2, keep=10, stop=-7)
    rows = np.arange(400, dtype=np.int16).reshape(200, 2)
    done = 0
    for count in (1, 5, 30, 7, 2, 29, 13, 30):
        buffer.append(rows[done : done + count])
        done += count
        assert buffer.stop == done - 7
        kept = max(buffer.start, buffer.stop - 10)
        assert buffer.stop - kept == min(done, 10)
        assert np.array_equal(buffer.read(kept, buffer.stop), rows[kept + 7 : done])


def test_frames_that_are_gone_or_to_come_are_refused():
    buffer = FrameBuffer(1, keep=4)
    for _ in range(10):
        buffer.append(np.zeros((3, 1), dtype=np.int16))
    for start, stop in ((0, 5), (29, 31), (29, 28)):
        with pytest.raises(InvalidInput, match="which are kept"):
            buffer.read(start, stop)
    for frames in (np.zeros((3, 2), dtype=np.int16), np.zeros((13, 1), dtype=np.int16)):
        with pytest.raises(InvalidInput, match="must be"):
            buffer.append(frames)
