"""Networks that are timed, each written once for Rushlight and for PyTorch."""
