"""Work of an encoder block between its matrix products, in C++."""
