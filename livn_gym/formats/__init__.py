"""Recordings in the formats of the field: NWB, Neo, SONATA spikes and Parquet.

A ``Session`` is a recording with what is needed to read it elsewhere. ``session.save("a.npz")`` keeps all of it without
further packages; ``write(session, "a.nwb", "nwb")`` and ``read("a.nwb", "nwb")`` need the extra ``formats``.
"""

from livn_gym.formats.files import FORMATS, left_out, read, write
from livn_gym.formats.session import Session

__all__ = ["FORMATS", "Session", "left_out", "read", "write"]
