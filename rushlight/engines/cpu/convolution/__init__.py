"""Convolutions on the CPU: kernels that read windows of the input where they are."""
