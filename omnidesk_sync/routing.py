"""What a case's topic means at the desk: group, labels, priority, and fields with what was given.

Read when the opening is sent, so that a mistake mended in the admin counts at the next try. What no field of
the desk is named for is shown in the cabinet only: put into the text, it would no longer be the text that the
customer wrote, and an opening of unknown outcome is recognised by that.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cabinet.models import Case, TopicField
from cabinet.topic_models import choices_of
from cabinet.types import Answer
from omnidesk_sync.models import FieldMapping, TopicMapping
from omnidesk_sync.types import FieldValue


@dataclass(frozen=True, slots=True)
class Routing:
    """Empty where nothing is said."""

    group_id: int | None = None
    labels: tuple[int, ...] = ()
    priority: str = ""
    custom_fields: Mapping[str, FieldValue] = field(default_factory=dict)


def routing_of(case: Case) -> Routing:
    if case.topic_id is None:
        return Routing()
    mapping = TopicMapping.objects.filter(topic=case.topic_id).first()
    if mapping is None:
        return Routing()
    given = {answer.key: answer for answer in case.answers}
    rows = FieldMapping.objects.filter(mapping=mapping).select_related("field")
    return Routing(
        group_id=mapping.group_id,
        labels=mapping.label_ids,
        priority=mapping.priority,
        custom_fields={
            row.desk_field: desk_value(row, given[row.field.key]) for row in rows if row.field.key in given
        },
    )


def desk_value(row: FieldMapping, answer: Answer) -> FieldValue:
    """A checkbox is a boolean [documented], a choice the key of the desk's own choice [seen in code].

    How a date is written is [unknown]: as the standard has it, 2026-03-02.
    """
    if answer.kind == TopicField.Kind.CHECKBOX:
        return True
    if answer.kind == TopicField.Kind.CHOICE:
        return choices_of(row.options).get(answer.value, answer.value)
    return answer.value


def unmapped() -> list[TopicField]:
    """Fields that are asked and of which the desk is told nothing."""
    rows = TopicField.objects.filter(topic__active=True, desk_mapping=None)
    return list(rows.select_related("topic").order_by("topic__position", "topic__key", "position", "pk"))
