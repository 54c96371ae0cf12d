"""Plates of mainland China (GA 36-2018) and VINs (ISO 3779, GB 16735)."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from luwei.registry import plate, vin
from luwei.registry.errors import RegistryError
from luwei.registry.fields import credit_code, phone


@pytest.mark.parametrize(
    ("text", "color", "stored"),
    [
        ("粤B12345", plate.YELLOW, "粤B12345"),
        ("粤b·12345", plate.YELLOW, "粤B12345"),
        ("粤ATT647", plate.YELLOW, "粤ATT647"),
        ("粤B1234挂", plate.YELLOW, "粤B1234挂"),
        ("粤A12345", plate.BLUE, "粤A12345"),
        ("粤ZAB12港", plate.BLACK, "粤ZAB12港"),
        ("粤BD12345", plate.GREEN, "粤BD12345"),  # small new-energy vehicle: letter third
        ("粤B12345D", 93, "粤B12345D"),  # large new-energy vehicle: letter last
        ("京A8888学", plate.YELLOW, "京A8888学"),
    ],
)
def test_a_plate_in_its_ordinary_forms_is_taken(text: str, color: int, stored: str) -> None:
    assert plate.check(text, color) == stored


@pytest.mark.parametrize(
    ("text", "color", "field", "rule"),
    [
        ("", 2, "plate", "empty"),
        ("B12345", 2, "plate", "province"),
        ("粤B1234", 2, "plate", "7 characters"),
        ("粤B123456", 2, "plate", "new-energy"),
        ("粤B12345", 5, "plate", "8 characters"),
        ("粤BO2345", 2, "plate", "without I and O"),
        ("粤I12345", 2, "plate", "without I and O"),
        ("粤112345", 2, "plate", "without I and O"),
        ("粤B12345", 7, "plate_color", "one of"),
        ("粤B12345", 0, "plate_color", "one of"),
        ("粤BDD2D45", 5, "plate", "third"),
        ("粤B'; --", 2, "plate", ""),
    ],
)
def test_a_wrong_plate_names_field_and_rule(text: str, color: int, field: str, rule: str) -> None:
    with pytest.raises(RegistryError) as caught:
        plate.check(text, color)
    assert caught.value.field == field and rule in caught.value.rule


@given(st.text(max_size=30), st.integers(-5, 300))
def test_no_text_makes_the_plate_check_fail_otherwise(text: str, color: int) -> None:
    try:
        stored = plate.check(text, color)
    except RegistryError:
        return
    assert stored == plate.normalise(stored) == plate.check(stored, color) and len(stored) in (7, 8)


def test_check_digits_of_the_standards_examples() -> None:
    # 1M8GDM9AXKP042788 is the worked example of 49 CFR 565 for the same algorithm; all ones give 1.
    assert vin.check("1M8GDM9AXKP042788") == "1M8GDM9AXKP042788"
    assert vin.check("11111111111111111") == "1" * 17
    assert vin.check(" 1m8gdm9axkp042788 ") == "1M8GDM9AXKP042788"


@pytest.mark.parametrize(
    ("text", "rule"),
    [("1M8GDM9A1KP042788", "must be X"), ("1M8GDM9AXKP04278", "17"), ("1M8GDM9AXKPO42788", "I, O and Q"), ("", "17")],
)
def test_a_wrong_vin_names_its_rule(text: str, rule: str) -> None:
    with pytest.raises(RegistryError) as caught:
        vin.check(text)
    assert caught.value.field == "vin" and rule in caught.value.rule


@given(st.text(sorted(vin.ALPHABET), min_size=17, max_size=17), st.integers(0, 16), st.sampled_from(string.digits))
def test_one_wrong_digit_is_always_noticed(text: str, place: int, digit: str) -> None:
    right = text[:8] + vin.check_digit(text) + text[9:]
    assert vin.check(right) == right
    # Digits weigh differently modulo 11 everywhere but in the ninth place, which is the check digit itself.
    wrong = right[:place] + digit + right[place + 1 :]
    if wrong != right and right[place] in string.digits:
        with pytest.raises(RegistryError):
            vin.check(wrong)


@given(st.text(max_size=40))
def test_no_text_makes_the_vin_check_fail_otherwise(text: str) -> None:
    try:
        assert len(vin.check(text)) == 17
    except RegistryError as error:
        assert error.field == "vin" and len(error.value) <= 80


@pytest.mark.parametrize(
    ("text", "stored"), [("013800138000", "13800138000"), ("138-0013 8000", "13800138000"), ("000", "0")]
)
def test_phones_are_canonical(text: str, stored: str) -> None:
    assert phone(text) == stored


@pytest.mark.parametrize("text", ["", "1" * 21, "1380013800a", "1.38E+10", "１３８", "+8613800138000"])
def test_a_wrong_phone_is_refused(text: str) -> None:
    with pytest.raises(RegistryError):
        phone(text)


def test_credit_code_example_of_gb_32100() -> None:
    assert credit_code("91350100M000100Y43") == "91350100M000100Y43"
    with pytest.raises(RegistryError, match="check character"):
        credit_code("91350100M000100Y44")
