"""Compiled kernels for the processor: the selective scan and fused layers, in C++, called through ctypes."""
