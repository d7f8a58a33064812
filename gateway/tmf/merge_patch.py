"""JSON merge patch (RFC 7396): what `application/merge-patch+json`, and in TMF630 plain `application/json`, mean in a PATCH."""

from __future__ import annotations

from gateway.documents import Json


def merge_patch(target: object, patch: object) -> Json:
    """Return `target` with `patch` applied; neither is changed.

    Names of an object are set, null removes one, objects are merged, everything else (lists too) is replaced whole.
    """
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged
