"""Small environments that cultures play inside the closed loop; plain Gymnasium, they know nothing of cultures."""

from livn_gym.envs.inner.pong import PongGame

__all__ = ["PongGame"]
