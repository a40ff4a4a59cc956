"""From a TensorFlow Lite directory to answers, without TensorFlow."""
