"""What a value means can be said in English: every word of the declarations has one."""

from __future__ import annotations

import re

from luwei.protocol.english import WORDS, english, value_words
from luwei.protocol.explain import explain
from luwei.protocol.jt808.bits import BitTable

CHINESE = re.compile("[\u4e00-\u9fff]")


def test_every_value_word_has_an_english_one() -> None:
    missing = sorted({word for word in value_words() if CHINESE.search(english(word))})
    assert missing == []


def test_every_bit_has_an_english_name() -> None:
    for table in BitTable.all:
        for edition in (2011, 2013, 2019):
            for value in (0, *(1 << bit for bit in range(32)), 0xFFFFFFFF):
                said = english(table.text(value, edition))
                assert not CHINESE.search(said), f"{table.zh}: {said}"


def test_no_english_word_is_chinese_and_none_is_empty() -> None:
    assert all(text and not CHINESE.search(text) for text in WORDS.values())


def test_a_joined_note_is_translated_part_by_part_and_a_name_stays() -> None:
    assert english("图像，定时动作") == "picture, timed"
    assert english("粤B12345") == "粤B12345"
    assert english("5000 字节") == "5000 bytes"


def test_the_notes_of_a_location_are_english_where_they_are_asked_for() -> None:
    # vector V12 of the reference: 808-2019, ACC on, fixed, BeiDou
    raw = bytes.fromhex(
        "7e0200403201000000000138001380000010000000000008000301"
        "57fafb06cc628c0023025d005a25060108301501040001e2400302025830011f31010c14040000000065"
        "7e"
    )
    notes = {row.field: english(row.note) for row in explain(raw).rows if row.note}
    assert notes["alarm"] == "none"
    assert not any(CHINESE.search(note) for note in notes.values()), notes
