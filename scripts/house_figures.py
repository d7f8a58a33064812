"""Counts what docs/decisions/0016-the-house.md tells of the code, from the syntax trees: `python -m scripts.house_figures`."""

from __future__ import annotations

import ast
import statistics
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1] / "gateway"
PARAMETERS_MAX = 7
LINES_MAX, LINES_MIN = 300, 60
PACKAGES = ("ordering", "hub", "checkouts", "submission")


def main() -> None:
    """Print the figures, one a line."""
    trees = {_name(path): ast.parse(path.read_text("utf-8")) for path in ROOT.rglob("*.py")}
    lines = [len(path.read_text("utf-8").splitlines()) for path in ROOT.rglob("*.py")]
    print(f"files {len(lines)}, lines {sum(lines)}, median {statistics.median(lines):.0f}")
    print(f"files over {LINES_MAX} lines {sum(count > LINES_MAX for count in lines)}", end="")
    print(f", under {LINES_MIN} {sum(count < LINES_MIN for count in lines)}")
    imports = {name: _imports(tree, set(trees)) for name, tree in trees.items()}
    for package in PACKAGES:
        stations, arrows = _stations(f"gateway.{package}", imports)
        print(f"{package}: {len(list((ROOT / package).glob('*.py')))} files in the folder, ", end="")
        print(f"{stations} stations, {arrows} imports between them")
    deeper = [name for name in imports if not name.startswith("gateway.ordering") and _is_deep(imports[name])]
    print(f"modules that import deeper than the face of ordering {len(deeper)}")
    print(f"modules that import themselves in a circle {sum(_reaches(name, name, imports) for name in imports)}")
    loose = [name for name, tree in trees.items() for node in _shared(name, tree, trees) if _says_any(node)]
    print(f"functions that other files import and that say Any {len(loose)}", end="")
    print(f", outside of the sandbox {sum(not name.startswith('gateway.sandbox') for name in loose)}")
    counts = [_parameters(node) for tree in trees.values() for node in ast.walk(tree) if _is_function(node)]
    print(f"parameters of a function, mean {statistics.mean(counts):.2f}, most {max(counts)}", end="")
    print(f", functions of more than {PARAMETERS_MAX} {sum(count > PARAMETERS_MAX for count in counts)}")


def _name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT.parent).with_suffix("").parts).removesuffix(".__init__")


def _imports(tree: ast.Module, modules: set[str]) -> set[str]:
    """Return the modules that a module imports, within functions and while types are checked, too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("gateway"):
            whole = {f"{node.module}.{each.name}" for each in node.names}
            found |= (whole & modules) | ({node.module} if whole - modules else set())
    return found


def _stations(package: str, imports: dict[str, set[str]]) -> tuple[int, int]:
    """Return how many stations (modules and folders) a package has, and from how many of them to how many others imports lead."""

    def station(module: str) -> str:
        return module.removeprefix(f"{package}.").partition(".")[0] if module.startswith(f"{package}.") else ""

    arrows = {(station(name), station(other)) for name, others in imports.items() for other in others}
    between = {(one, other) for one, other in arrows if one and other and one != other}
    return len({station(name) for name in imports} - {""}), len(between)


def _is_deep(imported: set[str]) -> bool:
    return any(each.startswith("gateway.ordering.") for each in imported)


def _reaches(start: str, goal: str, imports: dict[str, set[str]]) -> bool:
    """Tell whether imports lead from a module to another, or around to itself."""
    seen: set[str] = set()
    waiting = list(imports[start])
    while waiting:
        name = waiting.pop()
        if name == goal:
            return True
        if name not in seen:
            seen.add(name)
            waiting += imports.get(name, ())
    return False


def _shared(name: str, tree: ast.Module, trees: dict[str, ast.Module]) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return the functions of a module that others import, by name or with the module, and the methods of such classes."""
    package, _, module = name.rpartition(".")
    taken = {
        each.name
        for other, others in trees.items()
        if other != name
        for node in ast.walk(others)
        if isinstance(node, ast.ImportFrom) and node.module in {name, package}
        for each in node.names
        if node.module == name or each.name == module
    }
    found: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and {node.name, module} & taken:
            if isinstance(node, ast.ClassDef):
                found += [each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
            else:
                found.append(node)
    return [node for node in found if node.name == "__init__" or not node.name.startswith("_")]


def _says_any(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Tell whether a parameter or the result is `Any`, or is made of it, but for a request of Litestar, which has no type of ours."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    said = [each.annotation for each in arguments] + [function.returns]
    return any("Any" in ast.unparse(each).replace("Request[Any, Any, Any]", "") for each in said if each is not None)


def _is_function(node: ast.AST) -> bool:
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def _parameters(node: ast.AST) -> int:
    assert isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    named = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
    return sum(each is not None and each.arg not in {"self", "cls"} for each in named)


if __name__ == "__main__":
    main()
