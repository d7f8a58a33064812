"""JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396) that copy only what they change."""

from __future__ import annotations

from typing import Any

from gateway.sandbox.answers import invalid

# A tuple: what is asked for may be anything JSON has, also what cannot be in a set.
_OPERATIONS = ("add", "copy", "move", "remove", "replace", "test")


def merged(target: Any, patch: Any) -> Any:
    """Return the target with a merge patch applied: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


class Patcher:
    """Applies operations to one document; the document that was given stays as it is."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._own: dict[int, Any] = {}
        self.document: Any = self._mine(document)

    def apply(self, operation: Any, path: str) -> None:
        """Apply one operation; `path` says where it stands in the body."""
        if not isinstance(operation, dict) or operation.get("op") not in _OPERATIONS:
            raise invalid(f"{path}.op", "must be one of " + ", ".join(_OPERATIONS))
        verb = operation["op"]
        target = self._pointer(operation.get("path"), f"{path}.path")
        if verb in ("add", "replace", "test") and "value" not in operation:
            raise invalid(f"{path}.value", f"is mandatory with {verb}")
        if verb == "test":
            if self._get(target, path) != operation["value"]:
                raise invalid(f"{path}.value", "the test failed")
        elif verb == "add":
            self._add(target, operation["value"], path)
        elif verb == "replace":
            self._remove(target, path)
            self._add(target, operation["value"], path)
        elif verb == "remove":
            self._remove(target, path)
        else:
            source = self._pointer(operation.get("from"), f"{path}.from")
            value = self._get(source, path)
            if verb == "move":
                self._remove(source, path)
            self._add(target, value, path)

    def _mine(self, container: Any) -> Any:
        """Return a container that may be changed: a copy, made once."""
        if id(container) in self._own:
            return container
        copy = dict(container) if isinstance(container, dict) else list(container)
        self._own[id(copy)] = copy  # the reference keeps the id from being used again
        return copy

    def _pointer(self, value: Any, path: str) -> list[str]:
        if not isinstance(value, str) or not value.startswith("/"):
            raise invalid(path, "must be a JSON pointer below the root, such as /productOrderItem/-")
        return [part.replace("~1", "/").replace("~0", "~") for part in value[1:].split("/")]

    def _get(self, pointer: list[str], path: str) -> Any:
        value = self.document
        for part in pointer:
            if isinstance(value, dict) and part in value:
                value = value[part]
            elif isinstance(value, list):
                value = value[_position(part, len(value) - 1, path)]
            else:
                raise invalid(f"{path}.path", f"there is no {part!r}")
        return value

    def _parent(self, pointer: list[str], path: str) -> Any:
        """Return the container of the last part, with every container on the way made one's own."""
        container = self.document
        for part in pointer[:-1]:
            key: Any = part
            if isinstance(container, list):
                key = _position(part, len(container) - 1, path)
            elif not isinstance(container, dict) or part not in container:
                raise invalid(f"{path}.path", f"there is no {part!r}")
            if not isinstance(container[key], dict | list):
                raise invalid(f"{path}.path", f"{part!r} is neither object nor array")
            container[key] = self._mine(container[key])
            container = container[key]
        return container

    def _add(self, pointer: list[str], value: Any, path: str) -> None:
        container, last = self._parent(pointer, path), pointer[-1]
        if isinstance(container, dict):
            container[last] = value
        elif last == "-":
            container.append(value)
        else:
            container.insert(_position(last, len(container), path), value)

    def _remove(self, pointer: list[str], path: str) -> None:
        container, last = self._parent(pointer, path), pointer[-1]
        if isinstance(container, list):
            del container[_position(last, len(container) - 1, path)]
        elif last in container:
            del container[last]
        else:
            raise invalid(f"{path}.path", f"there is no {last!r}")


def _position(part: str, highest: int, path: str) -> int:
    if part.isascii() and part.isdigit() and int(part) <= highest:
        return int(part)
    raise invalid(f"{path}.path", f"{part!r} is not a position in the array")
