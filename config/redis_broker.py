"""Celery's Redis transport, except that a worker outlives the loss of its broker also when it is busy.

After a lost connection kombu closes its channel twice, and a task that ends later acknowledges on it. Both
then ask a connection that is gone for its address, and the worker ended with an AttributeError. Here that is
what it is, a lost connection, which kombu expects. Redis keeps those messages; the rows are the truth anyway.
"""

from typing import Any

from kombu.transport import redis
from redis.exceptions import ConnectionError as RedisIsGone
from redis.exceptions import OutOfMemoryError


class QoS(redis.QoS):
    """Hands back only over a connection that is still one."""

    def restore_unacked(self, client: Any = None) -> Any:
        if is_gone(self.channel):
            if self._delivered:
                self._delivered.clear()
            return None
        return super().restore_unacked(client)


class Channel(redis.Channel):
    QoS = QoS

    def _connparams(self, asynchronous: bool = False) -> Any:
        if is_gone(self):
            raise RedisIsGone("The channel's connection was lost.")
        return super()._connparams(asynchronous)  # type: ignore[misc]


class Transport(redis.Transport):
    """Named in settings as the transport wherever REDIS_URL is set."""

    Channel = Channel
    # A full one is as good as away: expected, and tried again. To kombu it is a fault of the command, and a
    # worker that acknowledged just then ended.
    connection_errors = (*redis.Transport.connection_errors, OutOfMemoryError)


def is_gone(channel: Any) -> bool:
    return channel.connection is None or channel.connection.client is None
