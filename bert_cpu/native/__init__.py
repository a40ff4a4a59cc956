"""Kernels in C++ for processors whose instructions they were written for."""
