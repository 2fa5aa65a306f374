"""A busy worker loses its broker."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from redis.exceptions import ConnectionError, OutOfMemoryError

from config import redis_broker


def closed_channel(connection: Any) -> Any:
    """As kombu leaves it behind a lost connection: closed once, and about to be closed again."""
    channel = redis_broker.Channel.__new__(redis_broker.Channel)
    channel.connection = connection
    channel.do_restore = True
    return channel


@pytest.mark.parametrize("connection", [None, SimpleNamespace(client=None)], ids=["closed", "no address"])
def test_unacknowledged_messages_are_left_to_redis_once_the_connection_is_gone(connection: Any) -> None:
    qos = redis_broker.QoS(closed_channel(connection))
    waiting = qos._delivered
    assert waiting is not None
    waiting["tag"] = object()
    qos.restore_unacked_once()
    assert not waiting


@pytest.mark.parametrize("connection", [None, SimpleNamespace(client=None)], ids=["closed", "no address"])
def test_an_acknowledgement_after_the_loss_meets_a_lost_connection(connection: Any) -> None:
    with pytest.raises(ConnectionError):
        redis_broker.QoS(closed_channel(connection)).ack("tag")


def test_a_redis_address_is_served_by_it() -> None:
    app = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    app.conf.broker_transport = "config.redis_broker:Transport"
    with app.connection_for_write() as connection:
        assert isinstance(connection.transport, redis_broker.Transport)
        assert (connection.hostname, connection.port) == ("127.0.0.1", 1)


def test_a_full_redis_is_as_good_as_away() -> None:
    """A worker expects to lose its connection; the error of a command would end it."""
    app = Celery(broker="redis://127.0.0.1:1/0", set_as_current=False)
    app.conf.broker_transport = "config.redis_broker:Transport"
    with app.connection_for_read() as connection:
        assert OutOfMemoryError in connection.connection_errors
