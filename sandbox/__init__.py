"""A pretend Omnidesk: the vendor's API, its staff page, its mail, its rules - and its bad days.

It imports nothing of ours, so that it can contradict us. It behaves as omnidesk-api.md says, remark by
remark; what that document marks as unknown is a *switch*, what goes wrong on real lines is a *fault*.

====================  ======================================================================
where to look         for what
====================  ======================================================================
``desk``              the object tests hold: ``Desk(...)``, with everything below wired up
``double``            ``mount(desk, mock, base_url)``: the desk behind the ``responses`` library
``wire``, ``smtp``    the desk on real sockets; ``python -m sandbox --help`` starts both
``doors``             the JSON doors under ``/sandbox/`` for scripts, as a table
``switches``          every switch with its meaning, choices and default
``faults``            every fault, as a table
``exchange``          the one way in for both mounts: routing, and where faults strike
``api`` and friends   ``api_cases``, ``api_messages``, ``api_people``; ``shapes`` and ``search``
``cases``             what happens to a case, whoever does it; ``staffroom`` and ``mailbox`` do it
``channels``, ``chats``  custom channels and what they tell; how a chat begins and ends
``rules``, ``webhooks``  which rules fire, what they say, how it is sent
====================  ======================================================================
"""
