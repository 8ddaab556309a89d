"""Every example in the README and in docs/ runs, and every link leads somewhere.

The `python` blocks of a page run in order, in one namespace; a block with `>>>` is compared as a
doctest. A block whose fence says `python skip` is only shown.
"""

import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\S*)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def python_blocks(text: str) -> list[tuple[int, str]]:
    """The line where each runnable block begins, and its source."""
    return [
        (text.count("\n", 0, match.start(3)), match[3])
        for match in FENCE.finditer(text)
        if match[1] == "python" and match[2].strip() != "skip"
    ]


def page_name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_examples_run(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    namespace = {"__name__": "__main__"}
    for line, source in python_blocks(page.read_text(encoding="utf-8")):
        if ">>>" in source:
            run_doctest(source, namespace, page, line)
        else:
            # Empty lines before the source make a traceback name the page's own line.
            exec(compile("\n" * line + source, str(page), "exec"), namespace)


def run_doctest(source, namespace, page, line):
    test = doctest.DocTestParser().get_doctest(source, namespace, page.name, str(page), line)
    report = []
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    runner.run(test, out=report.append, clear_globs=False)
    namespace.update(test.globs)
    assert not runner.failures, "".join(report)


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_links_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if not target.startswith(("http:", "https:", "mailto:", "#")):
            assert (page.parent / target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("page", [p for p in PAGES if p.name.endswith(".ko.md")], ids=page_name)
def test_a_translation_shows_the_same_programs(page):
    original = page.with_name(page.name.replace(".ko.md", ".md"))
    mine, theirs = (python_blocks(p.read_text(encoding="utf-8")) for p in (page, original))
    assert [without_comments(s) for _, s in mine] == [without_comments(s) for _, s in theirs]


def without_comments(source: str) -> str:
    return re.sub(r"[ \t]*#[^\n]*", "", source)
