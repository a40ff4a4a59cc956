"""What is written in C++, and what finds it where it was built."""
