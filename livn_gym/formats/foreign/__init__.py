"""Readers of spikes on channels from files of other programs; ``livn_gym.formats.read_channels`` chooses one."""
