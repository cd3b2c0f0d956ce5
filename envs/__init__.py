"""Gymnasium environments: registration, the closed loop, tasks, rendering. This package imports nothing itself."""
