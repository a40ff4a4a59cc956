"""How many trials a budget holds, beside a plain loop of Keras Tuner over `fit`."""
