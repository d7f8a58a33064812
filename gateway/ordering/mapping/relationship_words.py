"""What the words for relationships between items mean: who is the parent of whom, or nothing of that kind. Pure.

Operators and their systems write these words in many spellings (`bundles`, `HasChild`, `is_part_of`): case and separators do not
count. A noun names the other item (`parent`: it is my parent), a verb what this item does (`isParent`: I am its parent).
"""

from __future__ import annotations

from typing import Final

from gateway.ordering.mapping.slots import ItemSlots, RelationshipMeaning

USUAL_WORDS: Final[dict[RelationshipMeaning, tuple[str, ...]]] = {
    "child": (
        "bundle", "bundles", "bundled", "bundling", "isBundleOf", "child", "children", "childItem", "contain", "contains",
        "comprises", "consistsOf", "composedOf", "has", "hasChild", "hasChildren", "hasChildItem", "hasComponent", "hasItem",
        "hasPart", "hasSubItem", "include", "includes", "isComposedOf", "isParent", "isParentOf", "parentOf", "parentTo",
        "isParentTo", "subItem",
    ),
    "parent": (
        "belongsTo", "bundledBy", "bundledIn", "childOf", "childTo", "componentOf", "containedBy", "containedIn", "hasPackage",
        "hasParent", "hasParentItem", "includedBy", "includedIn", "isBundled", "isBundledBy", "isBundledIn", "isChild",
        "isChildOf", "isChildTo", "isComponentOf", "isContainedBy", "isContainedIn", "isIncludedIn", "isItemOf", "isPartOf",
        "isSubItemOf", "parent", "parentItem", "partOf", "subItemOf",
    ),
    "other": (
        "brings", "comesFrom", "conflictsWith", "dependency", "dependent", "dependentOn", "depends", "dependsOn", "excludes",
        "isDependentOn", "isRelatedTo", "isReplacedBy", "isRequiredBy", "isTargeted", "isTargetedBy", "migration",
        "reliedOnBy", "rely", "relyOn", "relies", "reliesOn", "related", "relatedTo", "replaces", "requiredBy", "requires",
        "shipping", "substitution", "targets", "upgrades",
    ),
}  # fmt: skip
"""The words that every mapping understands, unless it says otherwise itself."""
# R17's words for what the later versions call otherwise.
_USUAL_TYPES: Final = {
    "relyon": "reliesOn",
    "relieson": "reliesOn",
    "dependenton": "dependsOn",
    "dependson": "dependsOn",
}


def plain_word(word: str) -> str:
    """Return a word without case and separators, by which spellings of it are compared."""
    return "".join(filter(str.isalnum, word.casefold()))


_USUAL: Final[dict[str, RelationshipMeaning]] = {
    plain_word(word): meaning for meaning, words in USUAL_WORDS.items() for word in words
}


class RelationshipWords:
    """The words that one mapping reads and sends."""

    __slots__ = ("_meanings", "_types", "are_sent")

    def __init__(self, slots: ItemSlots) -> None:
        self.are_sent = slots.relationships
        own = {plain_word(word): meaning for word, meaning in slots.relationship_words.items()}
        # What the order system's own words say is known, too.
        flat: dict[str, RelationshipMeaning] = {}
        if slots.hierarchy == "flat":
            flat = {plain_word(slots.bundles_relationship): "child", plain_word(slots.relies_on_relationship): "parent"}
        standard = {word: meaning for word, meaning in flat.items() if word and word not in _USUAL_TYPES}
        self._meanings = _USUAL | standard | own
        self._types = _USUAL_TYPES | {plain_word(word): sent for word, sent in slots.relationship_types.items()}

    def meaning(self, kind: str) -> RelationshipMeaning | None:
        """Return what the other item of a relationship of this `kind` is; None when the word is not understood."""
        return self._meanings.get(plain_word(kind))

    def sent(self, kind: str) -> str:
        """Return the order system's word for `kind`: the mapping's, else the standard's, else the cart's in lower camel case."""
        listed = self._types.get(plain_word(kind))
        return listed or (kind if kind[1:2].isupper() else kind[:1].lower() + kind[1:])
