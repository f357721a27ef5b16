"""The U-Net that nnU-Net plans for 2D images, to compare with."""

from dynamic_network_architectures.architectures.unet import PlainConvUNet
from torch import nn

SMALLEST_MAP = 4
MOST_FEATURES = 512


def unet(size: int) -> nn.Module:
    """Build the U-Net that nnU-Net plans for 2D images of this size, without deep supervision."""
    stages = 1
    while size >> stages >= SMALLEST_MAP:
        stages += 1
    return PlainConvUNet(
        input_channels=2,
        n_stages=stages,
        features_per_stage=[min(32 * 2**stage, MOST_FEATURES) for stage in range(stages)],
        conv_op=nn.Conv2d,
        kernel_sizes=3,
        strides=[1] + [2] * (stages - 1),
        n_conv_per_stage=2,
        num_classes=2,
        n_conv_per_stage_decoder=2,
        conv_bias=True,
        norm_op=nn.InstanceNorm2d,
        norm_op_kwargs={"eps": 1e-5, "affine": True},
        nonlin=nn.LeakyReLU,
        nonlin_kwargs={"inplace": True},
    )
