"""File formats of recordings: NWB, Neo, SONATA spikes and Parquet.

A ``Session`` is a recording with the metadata that other programs need to read it. ``session.save("a.npz")`` saves it
completely and needs no further packages; ``write(session, "a.nwb")`` and ``read("a.nwb")`` need the extra ``formats``.
``read_channels`` reads spikes on channels from these files and from those of other programs.
"""

from livn_gym.formats.channel_files import CHANNEL_FORMATS, read_channels
from livn_gym.formats.channel_spikes import ChannelSpikes
from livn_gym.formats.files import FORMATS, format_of, left_out, read, write
from livn_gym.formats.session import Session

__all__ = [
    "CHANNEL_FORMATS",
    "FORMATS",
    "ChannelSpikes",
    "Session",
    "format_of",
    "left_out",
    "read",
    "read_channels",
    "write",
]
