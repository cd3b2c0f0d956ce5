"""File formats of recordings: NWB, Neo, SONATA spikes and Parquet.

A ``Session`` is a recording with the metadata that other programs need to read it. ``session.save("a.npz")`` saves it
completely and needs no further packages; ``write(session, "a.nwb", "nwb")`` and ``read("a.nwb", "nwb")`` need the extra
``formats``.
"""

from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.formats.files import FORMATS, left_out, read, write
from livn_gym.formats.session import Session

__all__ = ["FORMATS", "ChannelSpikes", "Session", "left_out", "read", "write"]
