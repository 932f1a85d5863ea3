"""What all tests share: no window for figures, hypothesis without deadlines, and the reference numbers."""

import os

os.environ["MPLBACKEND"] = "Agg"  # before anything imports matplotlib
os.environ["LEARNING_EFFORT_CACHE"] = "off"  # tests leave nothing in the user's cache folder, and take nothing from it

import signal  # noqa: E402

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as shells have it for what they start in the background
    signal.signal(signal.SIGINT, signal.default_int_handler)

from pathlib import Path  # noqa: E402

import hypothesis  # noqa: E402
import numpy as np  # noqa: E402
import pytest  # noqa: E402

ORACLES = Path(__file__).parent / "oracles"

# Compiling takes longer than any deadline meant for plain Python.
hypothesis.settings.register_profile("learning-effort", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("learning-effort")


@pytest.fixture(autouse=True)
def forget_compiled_programs():
    """Each compiled program takes a few of the 65,530 memory maps that Linux allows a process; beyond them it crashes."""
    yield
    maps = Path("/proc/self/maps")
    if maps.exists() and len(maps.read_bytes().splitlines()) > 20_000:
        import jax

        jax.clear_caches()


@pytest.fixture(scope="session")
def oracle():
    """name → {array name: array} of tests/oracles/<name>.npz. A missing file fails the test; nothing is skipped."""

    def load(name: str) -> dict[str, np.ndarray]:
        path = ORACLES / f"{name}.npz"
        if not path.is_file():
            pytest.fail(f"The reference numbers {path.name} are missing from {ORACLES}.", pytrace=False)
        with np.load(path) as file:
            return dict(file)

    return load
