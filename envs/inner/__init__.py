"""Small Gymnasium environments for the inside of a closed loop; they are independent of cultures."""

from livn_gym.envs.inner.pong import PongGame

__all__ = ["PongGame"]
