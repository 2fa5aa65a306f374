"""What the cabinet tells whoever listens. Receivers must be quick and may fail: rows are the truth.

`work_waiting(case_id)`: after a commit that left something for that case to be done.
`address_proved(user_id, address)`: a person has just shown that an e-mail address is his.
`chore_waiting(task, key)`: a worker may be rung for this task of the cabinet's own.

Two are no hints: `cases_erased(case_ids)` and `person_erased(user_id, addresses)` are sent before these rows
go, inside the transaction that takes them away. Whoever keeps something beside them deletes it there; his
exception undoes all of it, and it is tried again.
"""

from django.dispatch import Signal

work_waiting = Signal()
address_proved = Signal()
chore_waiting = Signal()
cases_erased = Signal()
person_erased = Signal()
