"""What the cabinet tells whoever listens. Receivers must be quick and may fail: rows are the truth.

`work_waiting(case_id)`: after a commit that left something for that case to be done.
`address_proved(user_id, address)`: a person has just shown that an e-mail address is his.
"""

from django.dispatch import Signal

work_waiting = Signal()
address_proved = Signal()
