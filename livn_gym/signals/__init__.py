"""What a device records of cultures: voltages at its electrodes, and the spikes that it detects in them."""

from livn_gym.signals.channel_observation import ChannelObservation
from livn_gym.signals.detector import Detections, ThresholdDetector
from livn_gym.signals.electrode_signals import ElectrodeSignals
from livn_gym.signals.frame_folder import write_frames
from livn_gym.signals.windows import run_in_windows

__all__ = [
    "ChannelObservation",
    "Detections",
    "ElectrodeSignals",
    "ThresholdDetector",
    "run_in_windows",
    "write_frames",
]
