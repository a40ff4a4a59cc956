"""What is damaged in prepared data: found and left out, without TensorFlow."""
