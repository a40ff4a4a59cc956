"""What an encoder block computes, in C++."""
