"""Every Python example of README.md and CONTRIBUTING.md is complete and runs as it stands."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md")


def examples(page):
    """(line, code) of each Python block of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, block.start(1)) + 1, block.group(1)) for block in blocks]


EXAMPLES = [pytest.param(f"{page}_{line}.py", code, id=f"{page}:{line}") for page in PAGES for line, code in examples(page)]


@pytest.mark.parametrize(("name", "code"), EXAMPLES)
def test_example_runs(name, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text(code, encoding="utf-8")
    runpy.run_path(str(tmp_path / name))


@pytest.mark.parametrize(("page", "number"), [("README.md", 2), ("CONTRIBUTING.md", 4)])
def test_page_has_examples(page, number):
    assert len(examples(page)) >= number
