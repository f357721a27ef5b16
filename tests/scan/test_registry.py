import pytest
import torch

from nnunetv2_cipa.errors import InputError
from nnunetv2_cipa.scan import backend_status, choose_backend, registry
from nnunetv2_cipa.scan.backend import Backend
from nnunetv2_cipa.scan.registry import ENVIRONMENT_VARIABLE

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


class Fake(Backend):
    def __init__(self, name: str, device: str | None, dtype: torch.dtype | None, reason: str | None = None) -> None:
        self.name, self.device, self.dtype, self.reason = name, device, dtype, reason

    def unavailable_reason(self):
        return self.reason

    def supports(self, device, dtype):
        return self.device in (None, device.type) and self.dtype in (None, dtype)

    def selective_scan(self, *arguments):
        raise NotImplementedError

    selective_scan_2d = selective_scan


@pytest.fixture(autouse=True)
def no_override(monkeypatch):
    monkeypatch.delenv(ENVIRONMENT_VARIABLE, raising=False)


@pytest.fixture
def backends(monkeypatch):
    """Three backends like the real ones, but with everything installed."""
    fakes = (Fake("gpu", "cuda", torch.float32), Fake("native", "cpu", torch.float32), Fake("plain", None, None))
    monkeypatch.setattr(registry, "BACKENDS", fakes)
    return fakes


class TestAutomaticChoice:
    @pytest.mark.parametrize(
        ("device", "dtype", "expected"),
        [
            (CUDA, torch.float32, "gpu"),
            (CUDA, torch.float64, "plain"),
            (CPU, torch.float32, "native"),
            (CPU, torch.float64, "plain"),
            (torch.device("mps"), torch.float32, "plain"),
        ],
    )
    def test_by_device_and_dtype(self, backends, device, dtype, expected):
        assert choose_backend(device, dtype).name == expected

    def test_what_is_not_available_is_passed_over(self, backends):
        backends[0].reason = backends[1].reason = "Not built."
        assert choose_backend(CPU).name == choose_backend(CUDA).name == "plain"

    def test_order_of_the_real_ones(self):
        assert [backend.name for backend in registry.BACKENDS] == ["triton", "mamba_ssm", "cpu", "torch"]

    def test_torch_is_there_for_any_device_and_dtype(self):
        assert choose_backend(torch.device("mps")).name == "torch"
        assert choose_backend(CPU, torch.float64).name == "torch"

    def test_what_is_for_tests_is_never_chosen_by_itself(self, backends, monkeypatch):
        monkeypatch.setattr(backends[1], "by_name_only", lambda device: device == CPU)
        assert choose_backend(CPU).name == "plain"
        assert choose_backend(CPU, name="native").name == "native"

    def test_on_gpus_triton_is_chosen_before_mamba_ssm_and_torch(self, monkeypatch):
        for backend in registry.BACKENDS:
            monkeypatch.setattr(backend, "unavailable_reason", lambda: None)
        assert choose_backend(CUDA).name == "triton"
        monkeypatch.setattr(registry.BACKENDS[0], "unavailable_reason", lambda: "Not built.")
        assert choose_backend(CUDA).name == "mamba_ssm"
        assert choose_backend(CUDA, torch.float64).name == "torch"
        monkeypatch.setenv("TRITON_INTERPRET", "1")
        assert choose_backend(CPU).name == "cpu"
        monkeypatch.setattr(registry.BACKENDS[2], "unavailable_reason", lambda: "Not built.")
        assert choose_backend(CPU).name == "torch"


class TestDescription:
    def test_names_the_backend(self, backends):
        assert registry.describe_choice(CPU) == "selective scan: native"

    def test_warns_of_plain_pytorch_on_a_gpu_and_says_why(self, monkeypatch):
        for backend in registry.BACKENDS[:-1]:
            monkeypatch.setattr(backend, "unavailable_reason", lambda name=backend.name: f"No {name}. Get it.")
        text = registry.describe_choice(CUDA)
        assert text.startswith("selective scan: torch. WARNING: ")
        assert "triton: No triton. Get it. mamba_ssm: No mamba_ssm. Get it." in text
        assert "No cpu" not in text
        assert "WARNING" not in registry.describe_choice(CPU)

    def test_what_is_available_by_name_only_is_no_reason(self, monkeypatch):
        fakes = (Fake("named", "cuda", torch.float32), Fake("torch", None, None))
        monkeypatch.setattr(fakes[0], "by_name_only", lambda device: True)
        monkeypatch.setattr(registry, "BACKENDS", fakes)
        text = registry.describe_choice(CUDA)
        assert text.startswith("selective scan: torch. WARNING: ")
        assert "named" not in text

    def test_a_user_who_asked_for_it_is_told_so(self, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "torch")
        assert registry.describe_choice(CUDA).endswith(f"{ENVIRONMENT_VARIABLE}=torch asks for it.")


class TestNamedChoice:
    def test_argument(self, backends):
        assert choose_backend(CPU, name="plain").name == "plain"

    def test_environment_variable(self, backends, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "plain")
        assert choose_backend(CPU).name == "plain"

    def test_argument_goes_before_environment_variable(self, backends, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "plain")
        assert choose_backend(CPU, name="native").name == "native"

    def test_empty_environment_variable_leaves_the_choice_open(self, backends, monkeypatch):
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "")
        assert choose_backend(CPU).name == "native"

    def test_unknown_name(self, backends, monkeypatch):
        with pytest.raises(InputError, match=r"backend=abacus: there is no such .* one of: gpu, native, plain"):
            choose_backend(CPU, name="abacus")
        monkeypatch.setenv(ENVIRONMENT_VARIABLE, "abacus")
        with pytest.raises(InputError, match=f"{ENVIRONMENT_VARIABLE}=abacus: there is no such"):
            choose_backend(CPU)

    def test_not_available_says_why_and_what_to_do(self, backends):
        backends[1].reason = "It was not compiled. Install a compiler."
        with pytest.raises(InputError, match=r"native: .* not available\. It was not compiled\. Install a compiler\."):
            choose_backend(CPU, name="native")

    def test_not_for_these_tensors(self, backends):
        with pytest.raises(InputError, match=r"native: .* can't scan float64 tensors on the device 'cpu'"):
            choose_backend(CPU, torch.float64, name="native")
        with pytest.raises(InputError, match=r"gpu: .* can't scan float32 tensors on the device 'cpu'"):
            choose_backend(CPU, name="gpu")


def test_status_names_every_backend_and_why_not(backends):
    backends[0].reason = "No GPU."
    assert backend_status() == {"gpu": "No GPU.", "native": None, "plain": None}


def test_every_operator_has_its_flops():
    formulas = registry.flop_formulas()
    assert {str(operator) for operator in formulas} == {
        f"nnunetv2_cipa.{name}" for backend in registry.BACKENDS for name in backend.operators
    }
    assert len(formulas) >= len(registry.BACKENDS)


def test_compiled_graph_keeps_the_choice(monkeypatch, map_arguments):
    from nnunetv2_cipa.scan import selective_scan_2d

    tensors = map_arguments(dtype=torch.float32)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "torch")
    compiled = torch.compile(selective_scan_2d, fullgraph=True, backend="aot_eager")
    expected = selective_scan_2d(*tensors, backend="torch")
    assert torch.equal(compiled(*tensors), expected)
    monkeypatch.setenv(ENVIRONMENT_VARIABLE, "abacus")
    assert torch.equal(compiled(*tensors), expected)
