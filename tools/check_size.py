"""Check that the code stays readable: short files, short functions, few tokens a line.

    python tools/check_size.py            complain of what is over the limits
    python tools/check_size.py --table    also list every file

A function is counted without its signature, docstring, comments and blank lines; a file is counted
whole. Tokens are spread over all lines that are not blank, so that words of explanation make it
lighter. Tables are dense and easy to read, so one file may have more than the package on average,
and tests are free.
"""

import ast
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("rushlight", "tools", "benchmarks", "tests")
FILE_LINES, FUNCTION_LINES, FILE_TOKENS, MEAN_TOKENS = 420, 42, 15.0, 9.0
SILENT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)


def code_tokens(path: Path) -> list[tokenize.TokenInfo]:
    """The tokens a reader has to take in; a docstring is none."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    prose = docstring_lines(ast.parse(path.read_text(encoding="utf-8")))
    silent = (*SILENT, tokenize.ENCODING, tokenize.ENDMARKER)
    return [t for t in tokens if t.type not in silent and t.start[0] not in prose]


def docstring_lines(tree: ast.AST) -> set[int]:
    """The lines that docstrings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list) or not body or not isinstance(body[0], ast.Expr):
            continue
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            lines.update(range(value.lineno, (value.end_lineno or value.lineno) + 1))
    return lines


def long_functions(path: Path, code_lines: set[int]) -> Iterator[str]:
    """Complaints about the functions of one file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = range(node.body[0].lineno, (node.end_lineno or node.lineno) + 1)
            length = sum(line in code_lines for line in body)
            if length > FUNCTION_LINES:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield f"{where}: {node.name} has {length} lines of code (at most {FUNCTION_LINES})"


class Measured:
    """What was counted in one file."""

    def __init__(self, path: Path):
        tokens = code_tokens(path)
        text = path.read_text(encoding="utf-8").splitlines()
        self.path = path
        self.name = path.relative_to(ROOT)
        self.total = len(text)
        self.lines = sum(bool(line.strip()) for line in text)
        self.tokens = len(tokens)
        self.code_lines: set[int] = set()
        for token in tokens:
            self.code_lines.update(range(token.start[0], token.end[0] + 1))

    def row(self) -> str:
        """One line of the table."""
        density = self.tokens / max(1, self.lines)
        return f"{self.total:5} lines {density:5.1f} tokens/line  {self.name}"

    def complaints(self) -> Iterator[str]:
        """What is over a limit."""
        yield from long_functions(self.path, self.code_lines)
        if self.total > FILE_LINES:
            yield f"{self.name}: {self.total} lines (at most {FILE_LINES})"
        density = self.tokens / max(1, self.lines)
        if density > FILE_TOKENS and self.name.parts[0] != "tests":
            yield f"{self.name}: {density:.1f} tokens a line (at most {FILE_TOKENS})"


def main() -> int:
    """Check every file; the exit status is 1 if any is over a limit."""
    files = [Measured(p) for f in FOLDERS for p in sorted((ROOT / f).rglob("*.py"))]
    package = [file for file in files if file.name.parts[0] == "rushlight"]
    mean = sum(file.tokens for file in package) / max(1, sum(file.lines for file in package))
    wrong = [complaint for file in files for complaint in file.complaints()]
    if mean > MEAN_TOKENS:
        wrong.append(f"rushlight/: {mean:.1f} tokens a line on average (at most {MEAN_TOKENS})")
    if "--table" in sys.argv:
        print("\n".join(file.row() for file in files))
    print("\n".join(wrong) or f"sizes: all within the limits, {mean:.1f} tokens a line on average")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
