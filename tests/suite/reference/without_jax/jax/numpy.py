"""Stands for jax.numpy."""
