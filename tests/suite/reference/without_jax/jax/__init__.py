"""Stands for JAX where only shards are written and read: roxxel imports it, and uses it to train."""
