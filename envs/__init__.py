"""Gymnasium environments: registration, the closed loop, tasks, rendering. Nothing is imported here."""
