"""Philox against the published vectors, exp and log against 40 digits, the draws against their distributions."""

import hashlib
import os
import subprocess
import sys
from decimal import Decimal, localcontext
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livn_gym import numerics


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # the known answers that come with the generator's reference implementation
        ((0x00000000, 0x00000000), 0x00000000, (0xFF1DAE59, 0x6CD10DF2)),
        ((0xFFFFFFFF, 0xFFFFFFFF), 0xFFFFFFFF, (0x2C3F628B, 0xAB4FD7AD)),
        ((0x243F6A88, 0x85A308D3), 0x13198A2E, (0xDD7CE038, 0xF62A4C12)),
    ],
)
def test_philox_gives_the_published_words(counter, key, words):
    assert tuple(int(word) for word in numerics.philox2x32(*counter, key)) == words


@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [  # kat_vectors of Random123
        ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_of_four_words_gives_the_published_words(counter, key, words):
    assert tuple(int(word) for word in numerics.philox4x32(*counter, *key)) == words


def test_philox_broadcasts_and_takes_counters_modulo_2_to_32():
    x0, x1 = numerics.philox2x32(np.arange(3)[:, None], np.arange(4), 7)
    assert x0.shape == x1.shape == (3, 4)
    assert int(x0[2, 3]) == int(numerics.philox2x32(2 + 2**32, 3 + 2**33, 7 + 2**32)[0])


def test_graph_keys_depend_on_all_64_bits_of_the_seed_and_on_the_stream():
    keys = {numerics.stream_key(seed, stream) for seed in (0, 1, 2**32, 2**63, 2**64 - 1) for stream in range(5)}
    assert len(keys) == 25
    assert all(0 <= key < 2**32 for key in keys)


def ulps(value, exact):
    """Distance from the exact result in units of the float's last place."""
    return abs(Decimal(float(value)) - exact) / Decimal(float(np.spacing(abs(float(value)))))


@given(st.floats(-700, 700))
def test_exp_is_within_two_units_in_the_last_place(x):
    with localcontext(prec=40):
        assert ulps(numerics.exp(x), Decimal(x).exp()) <= 2


@given(st.floats(1e-300, 1e300))
def test_log_is_within_two_units_in_the_last_place(x):
    with localcontext(prec=40):
        assert ulps(numerics.log(x), Decimal(x).ln()) <= 2


def test_log_is_exact_at_one_and_close_around_it():
    assert numerics.log(1.0) == 0.0
    with localcontext(prec=40):
        for x in (1 - 2**-53, 1 + 2**-52, 0.999, 1.001, 0.7071067811865475, 0.7071067811865476):
            assert ulps(numerics.log(x), Decimal(x).ln()) <= 2


def test_direction_meets_the_axes_in_the_middle_of_each_quadrant():
    words = np.array([0x20000000, 0x60000000, 0xA0000000, 0xE0000000])
    cosine, sine = numerics.direction(words)
    # the word nearest to an axis lies half a grid step, pi * 2**-32, beside it
    np.testing.assert_allclose(cosine, [1, 0, -1, 0], atol=1e-9)
    np.testing.assert_allclose(sine, [0, 1, 0, -1], atol=1e-9)


@given(st.integers(0, 2**32 - 1))
def test_direction_is_the_cosine_and_sine_of_an_angle_linear_in_the_word(word):
    angle = 2 * np.pi * ((word + 0.5) / 2**32) - np.pi / 4
    cosine, sine = numerics.direction(word)
    np.testing.assert_allclose([cosine, sine], [np.cos(angle), np.sin(angle)], atol=1e-15)


def test_uniform_numbers_fill_the_open_interval_evenly():
    a, b = numerics.uniform(np.arange(50_000), 3, 11)
    drawn = np.concatenate([a, b])
    assert 0 < drawn.min() and drawn.max() < 1
    count, _ = np.histogram(drawn, 20, (0, 1))
    # chi-squared with 19 degrees of freedom is below 43.8 in 99.9 % of cases
    assert (((count - 5000) ** 2) / 5000).sum() < 43.8


def test_normal_numbers_are_standard_normal_and_independent():
    a, b = numerics.normal(np.arange(50_000), 5, 13)
    drawn = np.sort(np.concatenate([a, b]))
    n = len(drawn)
    cdf = np.array([NormalDist().cdf(x) for x in drawn])
    # Kolmogorov-Smirnov at the 0.1 % level
    assert np.abs(cdf - (np.arange(n) + 0.5) / n).max() < 1.95 / np.sqrt(n)
    # correlations have a standard deviation of n**-0.5 = 0.0045; four of them
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.018
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.018
    assert abs(np.corrcoef(a**2, b**2)[0, 1]) < 0.018


def digest():
    """SHA-256 of what every function gives for many arguments, to the last bit."""
    sha = hashlib.sha256()
    index = np.arange(4099)  # a prime, so that no vector width divides it
    for values in (
        *numerics.philox2x32(index, 1, 2),
        *numerics.uniform(index, 3, 4),
        *numerics.normal(index, 5, 6),
        *numerics.philox4x32(index, 1, 2, 3, 4, 5),
        *numerics.noise(index + 2**33 - 7, 5, numerics.NoiseStream(2**63 + 11, 6)),
        *numerics.direction(index * 1_000_003 % 2**32),
        numerics.exp(np.linspace(-700, 700, 4099)),
        numerics.log(np.linspace(1e-6, 1e6, 4099)),
    ):
        sha.update(values.tobytes())
    return sha.hexdigest()


def test_results_are_the_same_on_every_machine():
    assert digest() == "01ac48be98c7e93d8b226cbd1a1dd297ea82506b023657f71128ae62a7f8d15b"


def test_results_do_not_depend_on_the_processors_vector_instructions():
    features = np._core._multiarray_umath.__cpu_dispatch__
    command = (
        f"import sys; sys.path.insert(0, {os.path.dirname(__file__)!r}); import test_numerics as t; print(t.digest())"
    )
    environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(features)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", command], env=environment, capture_output=True, text=True
    )
    assert done.stdout.strip() == digest(), done.stderr
