"""Adversarial Variational Bayes on the four 2x2 one-hot images, in TensorFlow 1.15 graph mode."""

__version__ = "1.0.0"
