"""What preparing does most often, in C++ for every processor."""
