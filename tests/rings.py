"""What was rung: reads the tests' broker, which lives in this process."""

from kombu import Connection


def drain() -> list[tuple[str, list[object]]]:
    """Takes every waiting message off the queue: (task name, positional arguments), oldest first."""
    taken = []
    with Connection("memory://") as connection, connection.SimpleQueue("celery") as queue:
        while queue.qsize():
            message = queue.get(block=False)
            message.ack()
            taken.append((message.headers["task"], message.payload[0]))
    return taken
