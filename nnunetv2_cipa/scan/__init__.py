"""The selective scan of state-space models, with interchangeable backends."""

from nnunetv2_cipa.scan.interface import selective_scan, selective_scan_2d
from nnunetv2_cipa.scan.registry import backend_status, choose_backend, describe_choice

__all__ = ["backend_status", "choose_backend", "describe_choice", "selective_scan", "selective_scan_2d"]
