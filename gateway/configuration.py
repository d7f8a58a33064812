"""Reading settings: TOML file, environment, secret files; every mistake at once."""

from __future__ import annotations

import difflib
import os
import tomllib
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import msgspec

from gateway.errors import Problem, SettingsError
from gateway.settings import Settings, unsafe_combinations

PREFIX = "GATEWAY_"
_UNREADABLE: Final = object()
# Variables that begin with the prefix and are not settings.
RESERVED = frozenset({"GATEWAY_TEST_POSTGRES_URL", "GATEWAY_OFFICIAL_SPECS", "GATEWAY_CONFIG", "GATEWAY_CLIENT_TOKEN"})


def load_settings(path: Path | None, environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of `path` (None: defaults) with the environment's overrides.

    Raises SettingsError with every mistake: unreadable file, unknown names, wrong types, values out of range, unsafe
    combinations, secret files that cannot be read.
    """
    problems: list[Problem] = []
    tree = _read_file(path)
    _override(tree, os.environ if environment is None else environment, problems)
    _read_secret_files(tree, "", problems)
    # What cannot be read is judged as its default would be: all mistakes are told at once, of whatever kind.
    settings = msgspec.convert(_checked(tree, Settings, "", problems), Settings, strict=False)
    wrong = {problem.path for problem in problems}
    problems += [problem for problem in unsafe_combinations(settings) if problem.path not in wrong]
    if problems:
        raise SettingsError(problems, readable=settings)
    return settings


def _read_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([Problem(str(path), f"is not valid TOML: {error}")]) from None


def _override(tree: dict[str, Any], environment: Mapping[str, str], problems: list[Problem]) -> None:
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in RESERVED:
            continue
        parts = [part.lower() for part in name.removeprefix(PREFIX).split("__")]
        target: Any = tree
        for part in parts[:-1]:
            target = target.setdefault(part, {})
            if not isinstance(target, dict):
                problems.append(Problem(name, f"`{part}` is not a table of settings"))
                break
        else:
            target[parts[-1]] = _from_text(environment[name])


def _from_text(text: str) -> Any:
    """Read an environment value as TOML would where that is a list or a table; otherwise keep the text."""
    if text.startswith(("[", "{")):
        try:
            return tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            return text
    return text


def _read_secret_files(tree: dict[str, Any], path: str, problems: list[Problem]) -> None:
    for key, value in tree.items():
        if isinstance(value, dict):
            _read_secret_files(value, f"{path}{key}.", problems)
        elif isinstance(value, str) and value.startswith("FILE:"):
            try:
                tree[key] = Path(value.removeprefix("FILE:")).read_text(encoding="utf-8").strip()
            except OSError as error:
                problems.append(Problem(path + key, f"the file it names cannot be read: {error.strerror}"))
            except UnicodeDecodeError:
                problems.append(Problem(path + key, "the file it names is not UTF-8 text"))


def _checked(tree: Any, kind: Any, path: str, problems: list[Problem]) -> Any:
    """Check a table against a Struct; report every unknown name and every wrong value.

    Returns what of it is right, so that the rest can be judged too; _UNREADABLE when something without a default is not.
    """
    if not isinstance(tree, dict):
        problems.append(Problem(path, "must be a table of settings"))
        return _UNREADABLE
    hints = typing.get_type_hints(kind, include_extras=True)
    required = {item.name for item in msgspec.structs.fields(kind) if item.required}
    problems += [Problem(_join(path, key), _unknown(key, hints)) for key in tree if key not in hints]
    problems += [Problem(_join(path, key), "is missing; it has no default") for key in sorted(required - tree.keys())]
    values = {key: _check_value(tree[key], hints[key], _join(path, key), problems) for key in tree if key in hints}
    right = {key: value for key, value in values.items() if value is not _UNREADABLE}
    return right if required <= right.keys() else _UNREADABLE


def _check_value(value: Any, hint: Any, path: str, problems: list[Problem]) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _checked(value, hint, path, problems)
    if get_origin(hint) is dict and isinstance(value, dict):
        entries = {
            key: _check_value(entry, get_args(hint)[1], _join(path, key), problems) for key, entry in value.items()
        }
        return {key: entry for key, entry in entries.items() if entry is not _UNREADABLE}
    try:
        msgspec.convert(value, hint, strict=False)
    except msgspec.ValidationError as error:
        base = get_args(hint)[0] if get_origin(hint) is typing.Annotated else hint
        is_choice = get_origin(base) is typing.Literal
        message = f"must be {_type_text(base)}" if is_choice else _lower_first(str(error).split(" - at ")[0])
        problems.append(Problem(path, message))
        return _UNREADABLE
    return value


def _unknown(key: str, hints: dict[str, Any]) -> str:
    close = difflib.get_close_matches(key, hints, n=1)
    return (
        f"is not a setting; did you mean `{close[0]}`?" if close else f"is not a setting; there are: {', '.join(hints)}"
    )


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def every_setting() -> list[tuple[str, str, Any, str]]:
    """Return (path, type, default, documentation) of every setting, upstreams under `upstreams.NAME`."""
    return list(_describe(Settings, ""))


def _describe(kind: Any, path: str) -> typing.Iterator[tuple[str, str, Any, str]]:
    hints = typing.get_type_hints(kind, include_extras=True)
    for item in msgspec.structs.fields(kind):
        hint = hints[item.name]
        where = _join(path, item.name)
        if get_origin(hint) is dict:
            yield from _describe(get_args(hint)[1], f"{where}.NAME")
        elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            yield from _describe(hint, where)
        else:
            meta = next(entry for entry in get_args(hint)[1:] if isinstance(entry, msgspec.Meta))
            default = item.default_factory() if item.default_factory is not msgspec.NODEFAULT else item.default
            yield where, _type_text(get_args(hint)[0]), default, meta.description or ""


def _type_text(hint: Any) -> str:
    if get_origin(hint) is typing.Literal:
        return " | ".join(f'"{value}"' for value in get_args(hint))
    if get_origin(hint) is dict:
        inner = get_args(hint)[1]
        return f"table of {_type_text(get_args(inner)[0] if get_origin(inner) is typing.Annotated else inner)}"
    if get_origin(hint) is tuple:
        return f"list of {_type_text(get_args(hint)[0])}"
    if isinstance(hint, types.GenericAlias):
        return str(hint)
    return {int: "integer", float: "number", bool: "true | false", str: "text"}.get(hint, str(hint))
