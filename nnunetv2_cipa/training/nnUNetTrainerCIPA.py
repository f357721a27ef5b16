"""nnU-Net trainers for CIPA: `nnUNetv2_train DATASET 2d FOLD -tr nnUNetTrainerCIPA`.

Sampling, augmentation, loss, epoch length and inference are nnU-Net's own. The network, AdamW with a cosine schedule
and the absence of deep supervision are CIPA's. Other encoders, ablations and schedules: `trainers`.
"""

from typing import Any

import torch
from nnunetv2.utilities.plans_handling.plans_handler import ConfigurationManager, PlansManager
from torch import nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.network import CIPA, MODALITIES, VariantName
from nnunetv2_cipa.network.recomputed import set_recompute
from nnunetv2_cipa.scan import describe_choice
from nnunetv2_cipa.training.activation_memory import should_recompute
from nnunetv2_cipa.training.base_trainer import NNUNET_DEVICE, BaseTrainer
from nnunetv2_cipa.training.modalities import modality_channels
from nnunetv2_cipa.training.optimization import CosineSchedule, parameter_groups


class nnUNetTrainerCIPA(BaseTrainer):
    """Trains CIPA-tiny on two-channel (CT, PET) datasets in nnU-Net's 2d configuration.

    What a subclass may set, beside the schedule of `BaseTrainer`:

    Attributes:
        variant: size of the encoder.
        use_crm: whether the network has channel-wise rectification.
        use_dcim: whether it has cross-modality interaction.
        initial_lr: learning rate of AdamW at the start.
        weight_decay: of AdamW.

    Raises:
        InputError: a configuration that is not 2D, or a dataset whose two channels are not CT and PET.
    """

    variant: VariantName = "tiny"
    use_crm: bool = True
    use_dcim: bool = True
    initial_lr: float = 1e-3
    weight_decay: float = 1e-2

    def __init__(
        self,
        plans: dict[str, Any],
        configuration: str,
        fold: int,
        dataset_json: dict[str, Any],
        device: torch.device = NNUNET_DEVICE,
    ) -> None:
        _require_2d(PlansManager(plans).get_configuration(configuration), configuration)
        self.modality_channels = modality_channels(
            dataset_json, plans.get("foreground_intensity_properties_per_channel")
        )
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.initial_lr, self.weight_decay = type(self).initial_lr, type(self).weight_decay  # not nnU-Net's
        self.enable_deep_supervision = False

    @classmethod
    def build_network_architecture(
        cls,
        plans_manager: PlansManager,
        configuration_manager: ConfigurationManager,
        num_input_channels: int,
        num_output_channels: int,
        enable_deep_supervision: bool = False,
    ) -> nn.Module:
        """Build CIPA for the plan's patch size; nnU-Net calls this for training and for inference."""
        _require_2d(configuration_manager, "this configuration")
        if num_input_channels != len(MODALITIES):
            raise InputError(f"CIPA needs two input channels, CT and PET; this dataset has {num_input_channels}.")
        return CIPA(
            configuration_manager.patch_size,
            num_output_channels,
            variant=cls.variant,
            use_crm=cls.use_crm,
            use_dcim=cls.use_dcim,
        )

    def on_train_start(self) -> None:
        """Tell the network which channel is CT, as pretrained weights may come from a dataset with the other order.

        Also have it recompute activations where keeping them would not fit the device.
        """
        super().on_train_start()
        network = self._bare_network()
        network.channel_order.copy_(torch.tensor(self.modality_channels.order))
        patch_size, compiled = self.configuration_manager.patch_size, self._do_i_compile()
        recompute = should_recompute(self.variant, self.batch_size, patch_size, self.device, compiled=compiled)
        set_recompute(network, recompute)
        order = ", ".join(
            f"{name} is channel {n}" for name, n in zip(MODALITIES, self.modality_channels.order, strict=True)
        )
        self.print_to_log_file(f"CIPA-{self.variant}: {order}; activations are {'recomputed' if recompute else 'kept'}")
        self.print_to_log_file(describe_choice(self.device))
        for doubt in self.modality_channels.doubts:
            self.print_to_log_file(f"WARNING: {doubt}")

    def configure_optimizers(self) -> tuple[Optimizer, LRScheduler]:
        """AdamW without decay on norms, biases, A and D; cosine from `initial_lr` towards 0."""
        groups = parameter_groups(self.network, self.weight_decay)
        optimizer = AdamW(groups, lr=self.initial_lr, fused=self.device.type in ("cpu", "cuda"))
        return optimizer, CosineSchedule(optimizer, self.initial_lr, self.num_epochs)

    def set_deep_supervision_enabled(self, enabled: bool) -> None:
        """Do nothing: CIPA has one output."""

    def _bare_network(self) -> CIPA:
        network = self.network.module if self.is_ddp else self.network
        return getattr(network, "_orig_mod", network)


def _require_2d(configuration_manager: ConfigurationManager, configuration: str) -> None:
    patch_size = configuration_manager.patch_size
    if len(patch_size) != 2:
        raise InputError(
            f"CIPA is a 2D network; {configuration} has the {len(patch_size)}D patch size {list(patch_size)}. "
            "Plan and train the configuration 2d."
        )
