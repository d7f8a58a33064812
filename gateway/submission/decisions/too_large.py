"""What follows when the order system refuses a call as too large: the same in smaller calls, as long as it can be cut. Pure."""

from __future__ import annotations

from datetime import datetime

from msgspec.structs import replace

from gateway.checkouts.row_changes import PLANNED
from gateway.ordering import Finding, characteristic_count, cut, fitted, halved
from gateway.submission.decisions.actions import Replan, Save, Work
from gateway.submission.decisions.records import give_up_draft


def in_smaller_calls(work: Work, now: datetime, detail: str) -> Save | None:
    """Return the decision to send the refused items, and all that follow, in calls of half the size.

    None when the call cannot be cut: it carried one item, set a price or submitted, or the order system takes an order, or
    what it says of installed products, only whole. The refused call had no effect; as before every step, the order is read
    back before the next one. Where a refused POST may leave a draft behind, a new draft is begun under a new marker.
    """
    step = work.current
    items_max = halved(len(step.item_ids))
    if items_max is None:
        return None
    first = work.record.step
    if first == 0:
        plan = fitted(work.plan, work.order, work.mapping, items_max)
    else:
        plan = cut(work.plan, work.order, work.mapping, items_max, first=first)
    if plan.steps[first] == step:
        return None
    said = (
        f"a call of {len(step.item_ids)} items was too large for the order system; what was not sent yet goes in calls of at "
        f"most {items_max}: {detail}"
    )
    finding = Finding(
        severity="info",
        code="call_too_large",
        path="cartItem",
        message=f"Step {step.sequence} of draft {work.record.generation + 1}: {said}",
    )
    replan = Replan(plan=plan, items_max=items_max, finding=finding)
    if step.kind == "create" and work.mapping.recovery.rejection_may_leave_draft:
        decision = give_up_draft(work, now, said, mismatch=False)
        return replace(decision, replan=replan) if decision.redraft else decision
    return Save(
        changes={"step_state": PLANNED, "attempt": 0, "probe": 0, "unknowns": 0, "awaiting": None},
        step_changes={"state": "planned", "detail": said, "item_count": len(plan.steps[work.record.step].item_ids)},
        replan=replan,
    )


def says_nothing_of_sizes(work: Work) -> bool:
    """Tell whether a refusal as too large shows that smaller calls do not help: what was learnt on the way is forgotten."""
    return work.current.kind in {"create", "add"} and len(work.current.item_ids) == 1


def too_large_reason(work: Work) -> str:
    """Say why a call that is too large cannot be cut, and what helps."""
    step, mapping = work.current, work.mapping
    if step.kind == "submit":
        return "the whole order is too large for the order system to submit: order it in several carts"
    if not mapping.draft.supported or mapping.draft.growth == "none":
        return (
            "the call was too large for it, and it takes nothing more after the first one: order in several carts, and "
            f"lower limits.items_max of the mapping {mapping.name}, so that such carts are refused at once"
        )
    if step.kind == "add" and mapping.draft.growth == "cumulative-merge":
        return (
            "each call repeats what is there already, and one more item was too much: order in several carts, and lower "
            f"limits.bytes_max of the mapping {mapping.name}, so that such carts are refused at once"
        )
    if step.kind == "create" and len(step.item_ids) > 1:
        return "one call must hold every installed product that is modified, and was too large for it: order in several carts"
    line = next(line for line in work.order.lines if line.id == step.item_ids[0])
    if step.kind == "price":
        what = f"the price alterations of {line.path}"
    else:
        what = f"{line.path} with its {characteristic_count(line)} characteristics"
    return f"a call with nothing but {what} was too large for it: order the item with fewer, or raise the order system's limit"
