"""Stands for optax."""
