"""Sweeps: Keras Tuner looks for good settings, each trial a training of ours."""
