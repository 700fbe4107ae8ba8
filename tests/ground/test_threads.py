"""Several things at once: results, errors, times, and how many threads NumPy's products have."""

import threading

import numpy as np
import pytest
import threadpoolctl
from sklearn.ensemble._hist_gradient_boosting import _gradient_boosting

from avb_tf1.estimation.two_sample import classifier_accuracy
from avb_tf1.ground.threads import at_once, one_blas_thread, one_openmp_thread, timed, timed_part


def n_threads(kind):
    """How many threads the BLAS of this process has, each of them; or the OpenMP of scikit-learn."""
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info()
            if pool["user_api"] == kind and (kind == "blas" or "scikit_learn" in pool["filepath"])}


def test_results_are_in_order_and_the_first_function_stays_in_this_thread():
    here, there = at_once(threading.get_ident, threading.get_ident)
    assert here == threading.get_ident() != there
    assert at_once(lambda: 1, lambda: 2, lambda: 3) == [1, 2, 3]


@pytest.mark.parametrize("number", [0, 1])
def test_an_error_comes_when_all_have_ended(number):
    ended = []

    def fail():
        raise ValueError("no")

    functions = [lambda: ended.append(True)] * 2
    functions[number] = fail
    with pytest.raises(ValueError, match="no"):
        at_once(*functions)
    assert ended == [True]


def test_parts_are_timed_where_that_is_wanted():
    with timed_part("outside"):
        pass
    with timed() as outer:
        with timed_part("one"), timed() as inner, timed_part("two"):
            pass
        with timed_part("one"):
            first = outer["one"]
    assert set(outer) == {"one", "two"} and set(inner) == {"two"}
    assert outer["one"] > first > outer["two"] > 0 < inner["two"]


def test_products_have_one_thread_until_the_last_context_ends():
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before, entered, left = n_threads("blas"), threading.Event(), threading.Event()

        def other():
            with one_blas_thread():
                entered.set()
                left.wait()

        thread = threading.Thread(target=other)
        with one_blas_thread():
            thread.start()
            entered.wait()
            assert n_threads("blas") == {1}
        assert n_threads("blas") == {1}
        left.set()
        thread.join()
        assert n_threads("blas") == before


def test_openmp_loops_have_one_thread():
    with threadpoolctl.threadpool_limits(2, user_api="openmp"):
        with pytest.raises(KeyError), one_openmp_thread(_gradient_boosting.__file__):
            assert n_threads("openmp") == {1}
            raise KeyError
        assert n_threads("openmp") == {2}


def test_the_loaded_libraries_are_not_gone_through(monkeypatch):
    """Which would hang if another thread imports one meanwhile, as the one that draws may."""
    def walk(*_):
        raise AssertionError("the libraries were gone through")

    monkeypatch.setattr(threadpoolctl.ThreadpoolController, "_load_libraries", walk)
    with pytest.raises(AssertionError, match="gone through"):
        threadpoolctl.threadpool_limits(1)
    random_state = np.random.RandomState(0)
    with one_blas_thread():
        classifier_accuracy(*random_state.standard_normal((2, 100, 3)), random_state)
