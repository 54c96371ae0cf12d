"""Alarms 报警 as facts: derived from locations, named, kept, handed on.

A location says what is so: bits that are set, items of active safety. An alarm is what began, happened or ended, once,
under a key that every repetition gives again. Nothing is judged here: an alarm is a lead for people (``luwei.cases``).
"""
