"""Which names of torch and torchvision a program uses that Rushlight lacks."""

from __future__ import annotations

import ast
import importlib
import os
from collections.abc import Iterator
from types import ModuleType
from typing import NamedTuple

from rushlight.torch.finder import installed
from rushlight.torch.names import FACADES

_ROOTS = ("torch", "torchvision")
_EXPECTED = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception", "RuntimeError"}
_QUESTIONS = {"hasattr", "is_available", "device_count"}


class Missing(NamedTuple):
    """A name that Rushlight lacks, and where a program uses it."""

    name: str
    file: str
    line: int


def find_missing(path: str) -> list[Missing]:
    """The names that are missing in a program and in the modules beside it that it imports.

    Names within `try: ... except ImportError` (or AttributeError, RuntimeError, Exception) and
    below an `if` that asks `hasattr` or `is_available` are the program's own business.
    """
    folder, found = os.path.dirname(os.path.abspath(path)), []
    work, done = [os.path.abspath(path)], set()
    while work:
        file = work.pop()
        if file in done:
            continue
        done.add(file)
        with open(file, "rb") as source:
            text = source.read()
        try:
            reader = _Reader(text, file)
        except (SyntaxError, ValueError):
            continue  # importing it says what is wrong with it
        found += reader.missing()
        for level, name in reader.imported:
            start = folder if not level else os.path.join(file, *[os.pardir] * level)
            work += _beside(os.path.normpath(start), name)
    return found


def find_missing_in(text: str) -> list[Missing]:
    """The names that are missing in a program's source."""
    return _Reader(text, "<text>").missing()


def _beside(folder: str, name: str) -> Iterator[str]:
    base = os.path.join(folder, *name.split("."))
    for place in (f"{base}.py", os.path.join(base, "__init__.py")):
        if os.path.isfile(place):
            yield place


class _Reader(ast.NodeVisitor):
    """One source file: what its names stand for, and what it looks up in them."""

    def __init__(self, source: str | bytes, file: str):
        self._file = file
        self._modules: dict[str, str] = {}
        self._uses: list[tuple[str, int]] = []
        self._careful = 0
        self.imported: list[tuple[int, str]] = []  # from how far up, and the module
        tree = ast.parse(source, file)
        self._collect(tree)
        self.visit(tree)

    def missing(self) -> list[Missing]:
        """What cannot be found, each use once."""
        with installed():
            found = {path: first_missing(path) for path, _ in self._uses}
        unknown = dict.fromkeys((found[path], line) for path, line in self._uses if found[path])
        return [Missing(name, self._file, line) for name, line in unknown]

    def _collect(self, tree: ast.AST) -> None:
        """The names under which modules of torch are known in this file."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    known = alias.name if alias.asname else alias.name.partition(".")[0]
                    self._learn(alias.asname or known, known)
                    self.imported.append((0, alias.name))
            elif isinstance(node, ast.ImportFrom):
                module = node.module or ""
                for alias in node.names:
                    if not node.level:
                        self._learn(alias.asname or alias.name, f"{module}.{alias.name}")
                    within = f"{module}.{alias.name}".lstrip(".")
                    self.imported += [(node.level, name) for name in (module, within) if name]
        for node in ast.walk(tree):
            for name in _bound(node):
                self._modules.pop(name, None)  # it means something else somewhere

    def _learn(self, name: str, path: str) -> None:
        if path.partition(".")[0] in _ROOTS:
            self._modules[name] = path

    # ------------------------------------------------------------------------------------- visits
    def visit_Import(self, node: ast.Import) -> None:
        """Modules that are imported whole."""
        for alias in node.names:
            self._use(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        """Names that are imported from a module."""
        for alias in node.names if not node.level else ():
            name = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
            self._use(name or "", node.lineno)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A dotted name; what follows a call is not looked into."""
        path, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            path.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name) and inner.id in self._modules:
            if isinstance(node.ctx, ast.Load):
                self._use(".".join([self._modules[inner.id], *reversed(path)]), node.lineno)
        else:
            self.visit(inner)

    def visit_Try(self, node: ast.Try) -> None:
        """A part that expects names to be missing."""
        caught = {name for handler in node.handlers for name in _names_in(handler.type)}
        careful = bool(caught & _EXPECTED) or any(h.type is None for h in node.handlers)
        self._visit_all(node.body, careful)
        self._visit_all([*node.handlers, *node.orelse, *node.finalbody], False)

    def visit_If(self, node: ast.If) -> None:
        """A part that runs only where something is there."""
        careful = bool(set(_names_in(node.test)) & _QUESTIONS)
        self._visit_all([node.test], careful)
        self._visit_all(node.body, careful)
        self._visit_all(node.orelse, False)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        """The same within a line."""
        self._visit_all([node.test, node.body], bool(set(_names_in(node.test)) & _QUESTIONS))
        self.visit(node.orelse)

    def _visit_all(self, nodes: list, careful: bool) -> None:
        self._careful += careful
        for node in nodes:
            self.visit(node)
        self._careful -= careful

    def _use(self, path: str, line: int) -> None:
        if path.partition(".")[0] in _ROOTS and not self._careful:
            self._uses.append((path, line))


def _names_in(node: ast.AST | None) -> list[str]:
    if node is None:
        return []
    names = [part.id for part in ast.walk(node) if isinstance(part, ast.Name)]
    return names + [part.attr for part in ast.walk(node) if isinstance(part, ast.Attribute)]


def _bound(node: ast.AST) -> list[str]:
    """Names that are given another meaning: arguments and assigned variables."""
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    return []


def first_missing(path: str) -> str:
    """The shortest beginning of a dotted name that is not there; nothing if all is there.

    What lies within a class or a function is not looked into.
    """
    parts = path.split(".")
    found = importlib.import_module(parts[0])
    for count, part in enumerate(parts[1:], 2):
        if not isinstance(found, ModuleType):
            return ""
        name = ".".join(parts[:count])
        if hasattr(found, part) and name not in FACADES:
            found = getattr(found, part)
            continue
        try:
            found = importlib.import_module(name)
        except ImportError:
            return name
    return ""
