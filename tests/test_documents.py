"""Every document that code, tests or pages cite is there, and has the numbered sections that are cited."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PLACES = ("src/**/*.py", "tests/**/*.py", "docs/*.md", "README.md", "CONTRIBUTING.md")
#: Documents that programs write for their users, in folders of the users' own.
WRITTEN = {"table.md", "results.md"}

#: A document, and the sections that follow its name: "theory.md §1, §4.2".
CITATION = re.compile(r"([\w./-]+\.md)((?:(?:,|,? and)?\s+§\d+(?:\.\d+)*)*)")
SECTION = re.compile(r"§(\d+(?:\.\d+)*)")
HEADING = re.compile(r"^#+ (\d+(?:\.\d+)*)\.? ", re.MULTILINE)


def page(name, citing):
    """The file that `name` means where it is cited: from the root, from docs/, or from beside; None if there is none."""
    return next((p for p in (ROOT / name, ROOT / "docs" / name, citing.parent / name) if p.is_file()), None)


def missing(text, citing):
    """What `text`, of the file `citing`, cites and is not there. Sections without a document are those of the page itself."""
    found = []
    for name, sections in CITATION.findall(text):
        cited = page(name, citing)
        if cited is None:
            found += [] if name in WRITTEN else [name]
        else:
            there = HEADING.findall(cited.read_text(encoding="utf-8"))
            found += [f"{name} §{number}" for number in SECTION.findall(sections) if number not in there]
    own = HEADING.findall(text) if citing.suffix == ".md" else []
    return found + [f"§{n}" for n in SECTION.findall(CITATION.sub("", text)) if own and n not in own]


FILES = {str(path.relative_to(ROOT)): path for place in PLACES for path in sorted(ROOT.glob(place))}


@pytest.mark.parametrize("name", FILES)
def test_what_is_cited_is_there(name):
    path = FILES[name]
    assert not missing(path.read_text(encoding="utf-8"), path)


def test_the_places_searched_have_citations():
    cited = [m for path in FILES.values() for m in CITATION.findall(path.read_text(encoding="utf-8"))]
    assert sum(bool(sections) for _, sections in cited) > 40


@pytest.mark.parametrize(
    ("document", "sections", "wrong"),
    [
        ("absent", "", ["absent"]),
        ("theory", " §99", ["theory §99"]),
        ("theory", " §1,\n    §4.99 and §4", ["theory §4.99"]),
        ("docs/theory", " §1, §4.2", []),
    ],
)
def test_a_made_up_citation_is_found(document, sections, wrong):
    text = f"As said ({document}.md{sections})."
    assert [w.replace(".md", "") for w in missing(text, Path(__file__))] == wrong


def test_a_page_must_have_the_sections_it_cites_itself():
    assert missing("## 1. One\n### 1.1 More\nSee §1, §1.1 and §1.2.", ROOT / "docs" / "theory.md") == ["§1.2"]
