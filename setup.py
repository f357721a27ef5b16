"""What pyproject.toml cannot say: which packages there are, how the kernel is compiled, and a wheel's tag."""

from pathlib import Path

from setuptools import Extension, find_packages, setup
from setuptools.command.bdist_wheel import bdist_wheel

CONVERSION = "dataset_conversion"
"""The package that lies at the top of the repository and is installed inside `nnunetv2_cipa`."""


KERNEL = Path("nnunetv2_cipa", "native")


class PlatformWheel(bdist_wheel):
    """A wheel for one platform and any Python 3: the kernel in it is a plain library, called through ctypes."""

    def get_tag(self) -> tuple[str, str, str]:
        """The tag `py3-none-PLATFORM`."""
        return "py3", "none", super().get_tag()[2]


kernel = Extension(
    "nnunetv2_cipa.native._kernels",
    sources=sorted(map(str, KERNEL.glob("*.cpp"))),
    depends=sorted(map(str, KERNEL.glob("*.hpp"))),
    extra_compile_args=["-std=gnu++17", "-O3", "-ffp-contract=fast", "-fvisibility=hidden", "-Wall", "-Wextra"],
    extra_link_args=["-pthread"],
    language="c++",
    py_limited_api=True,  # a file name without Python's version
    optional=True,  # without a compiler the torch backend scans
)

setup(
    packages=[
        *find_packages(include=["nnunetv2_cipa*"]),
        "nnunetv2_cipa.ext_trainer",  # a folder for nnU-Net, which takes every file in it for a trainer's: no __init__
        *(f"nnunetv2_cipa.{name}" for name in find_packages(include=[f"{CONVERSION}*"])),
    ],
    package_dir={f"nnunetv2_cipa.{CONVERSION}": CONVERSION},
    ext_modules=[kernel],
    cmdclass={"bdist_wheel": PlatformWheel},
)
