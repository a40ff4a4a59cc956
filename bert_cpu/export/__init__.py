"""From a trained bundle to TensorFlow Lite files that answer on a CPU."""
