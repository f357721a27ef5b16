"""Operations, against counts by hand."""

import pytest
import torch
from torch import nn

from nnunetv2_cipa.comparison.flops import count_flops
from nnunetv2_cipa.comparison.published_results import PUBLISHED
from nnunetv2_cipa.network import CIPA
from nnunetv2_cipa.network.state_space import DirectionalScan
from nnunetv2_cipa.scan import backend_status
from nnunetv2_cipa.scan.registry import ENVIRONMENT_VARIABLE


def test_convolutions_and_products_by_hand():
    network = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1), nn.InstanceNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(256, 5)
    )
    assert count_flops(network, torch.zeros(1, 2, 8, 8)) == 2 * (64 * 4 * 2 * 9) + 2 * (256 * 5)


@pytest.mark.parametrize("backend", [name for name, reason in backend_status().items() if reason is None])
@pytest.mark.parametrize("orders", [1, 4])
def test_the_scan_by_hand(monkeypatch, backend, orders):
    if backend == "mamba_ssm" and not torch.cuda.is_available():
        pytest.skip("mamba-ssm needs a GPU")
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, backend)
    batch, height, width, channels, states, rank = 2, 3, 5, 8, 4, 2
    positions = batch * height * width
    network = DirectionalScan(channels, states, rank, orders)
    projections = 2 * positions * channels * orders * (rank + 2 * states) + 2 * orders * positions * rank * channels
    # For each state: delta*A, exp, *h, *B, +, *C, +; for each channel: delta*x, D*x, +
    scan = orders * positions * channels * (7 * states + 3)
    assert count_flops(network, torch.zeros(batch, height, width, channels)) == projections + scan


def test_published_figure_is_near_our_multiply_adds():
    """On shapes alone, without computing."""
    with torch.device("meta"):
        network = CIPA((512, 512)).eval()
        operations = count_flops(network, torch.zeros(1, 2, 512, 512))
    assert operations == 166_973_666_304
    assert PUBLISHED[0].gflops == pytest.approx(operations / 2e9, rel=0.1)
