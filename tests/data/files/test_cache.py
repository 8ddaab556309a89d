"""The cache of values under a budget."""

import pickle
import threading
import time

import numpy as np
import pytest

from rushlight.data.files.cache import Cache


def filled(budget, keys, cost=3):
    cache, made = Cache(budget), []
    for key in keys:
        cache.get(key, lambda key=key: (made.append(key) or key, cost))
    return cache, made


@pytest.mark.parametrize(
    ("budget", "keys", "made"),
    [(9, "abcabc", "abc"), (6, "abcabc", "abcabc"), (6, "abacab", "abcb"), (1, "aabba", "aba")],
)
def test_what_was_used_last_stays(budget, keys, made):
    cache, found = filled(budget, keys)
    assert "".join(found) == made
    assert cache.used <= max(budget, 3)


def test_threads_make_a_value_once():
    cache, made = Cache(10), []

    def make():
        made.append(1)
        time.sleep(0.05)
        return "value", 1

    threads = [threading.Thread(target=cache.get, args=("key", make)) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]
    assert cache.used == 1


def test_what_is_used_is_what_is_there():
    cache, wrong = Cache(50), []

    def work(seed):
        for key in np.random.default_rng(seed).integers(0, 30, 3000).tolist():
            found = cache.get(key, lambda key=key: (key * key, 5 + key % 3))
            wrong.extend([key] if found != key * key else [])

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert cache.used == sum(entry.cost for entry in cache._entries.values()) <= 50


def test_an_error_is_not_kept():
    cache = Cache(10)
    with pytest.raises(OSError, match="first"):
        cache.get("key", lambda: (_ for _ in ()).throw(OSError("first")))
    assert cache.get("key", lambda: ("value", 1)) == "value"


def test_a_pickle_is_empty():
    cache, _ = filled(10, "ab")
    assert pickle.loads(pickle.dumps(cache)).used == 0  # noqa: S301
