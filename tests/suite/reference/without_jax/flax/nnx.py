"""Stands for Flax NNX: the names in the head of roxxel's trainer."""


class Module:
    pass


class Optimizer:
    pass
