"""The C++ of training: operations that steps call."""
