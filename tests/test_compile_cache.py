"""Compiled programs are kept in the user's cache folder, unless that is switched off."""

import os
import subprocess
import sys

import pytest

from learning_effort.runtime import compile_cache

SOLVE = (
    "import learning_effort as le; "
    "p = le.Problem(le.LinearNetwork(le.tasks.TwoGaussians(), hidden=()), le.Gain(), le.Steps(60)); "
    "p.value_and_gradient(p.initial_effort())"
)


@pytest.mark.parametrize(("switch", "kept"), [("on", True), ("off", False)])
def test_programs_are_kept_unless_switched_off(tmp_path, switch, kept):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path), "LEARNING_EFFORT_CACHE": switch}
    environment.pop("JAX_COMPILATION_CACHE_DIR", None)
    code = "import learning_effort.runtime.compile_cache as c; c.WORTH_KEEPING = 0.0; " + SOLVE
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert any(tmp_path.rglob("*-cache")) == kept


def test_a_folder_of_the_users_own_is_left_alone(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "a"), "JAX_COMPILATION_CACHE_DIR": str(tmp_path / "b")}
    environment.pop("LEARNING_EFFORT_CACHE", None)
    code = "import learning_effort as le, jax; le.Steps(5); print(jax.config.jax_compilation_cache_dir)"
    done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == str(tmp_path / "b") and not (tmp_path / "a").exists()


def test_the_folder_is_the_users_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert compile_cache.folder() == tmp_path / "learning-effort" / "compiled"
