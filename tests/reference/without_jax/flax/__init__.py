"""Stands for Flax."""
