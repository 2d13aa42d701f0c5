"""What may be in course.toml, and what is said of what may not."""

from datetime import UTC, datetime

import pytest

from autograder.course.course_config import DEFAULTS, FILE, CourseConfig, find_config, read_config, write_defaults
from autograder.course.folder import Course


def test_the_file_is_written_once_and_takes_nothing_off(tmp_path):
    assert read_config(tmp_path / FILE) == CourseConfig()
    write_defaults(tmp_path)
    assert read_config(tmp_path / FILE) == CourseConfig()
    changed = DEFAULTS.replace("# due", "due").replace("grace_minutes = 0", "grace_minutes = 5") + '"ada" = 2\n'
    (tmp_path / FILE).write_text(changed)
    write_defaults(tmp_path)
    read = read_config(tmp_path / FILE).late
    assert read.due == datetime(2030, 1, 31, 22, 59, tzinfo=UTC)
    assert (read.grace_minutes, read.extensions) == (5, {"ada": 2})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[late]\ndue = 2026-12-01T23:59:00", "late.due is expected to be a moment with its offset"),
        ("[late]\ndue = 2026-12-01", "late.due"),
        ('[late]\ndue = "tomorrow"', "no quotes; it is 'tomorrow'"),
        (
            "[late]\ngrace_minutes = -1",
            "late.grace_minutes is expected to be a number of minutes from 0 to 100,000; it is -1",
        ),
        ("[late]\ngrace_minutes = true", "late.grace_minutes"),
        ("[late]\npercent_per_day = 101", "late.percent_per_day is expected to be a number from 0 to 100; it is 101"),
        ("[late]\ncap_percent = nan", "late.cap_percent"),
        ('[late.extensions]\nada = "2 days"', "late.extensions.ada is expected to be a number of days"),
        ("[late]\nextensions = 3", "late.extensions is expected to be a table"),
        ("late = 3", "late is expected to be a table"),
        ("[late]\ngrace = 3", "late.grace is not known here. Known: cap_percent, due, "),
        ("[lates]", "lates is not known here. Known: book, formulas, late"),
        ("[late", "course.toml cannot be read"),
        ("[late]\npercent_per_day = inf", "late.percent_per_day is expected to be a number from 0 to 100; it is inf"),
        ("[late.extensions]\nada = inf", "late.extensions.ada is expected to be a number of days"),
        ("[late.extensions]\nada = true", "late.extensions.ada is expected to be a number of days"),
        ("[late]\ndue = 23:59:00", "late.due is expected to be a moment with its offset"),
        ("[late]\ngrace_minuts = 3", "Did you mean late.grace_minutes?"),
        ("[late]\nDue = 2030-01-31T23:59:00Z", "Did you mean late.due?"),
        ("[late]\nrepair_percent = 3", "late.repair_percent is not known here."),
        ("[late]\nrepair_percent = 3", "Did you mean formulas.repair_percent?"),
        ("percent_per_day = 3", "Did you mean late.percent_per_day?"),
        ("[formula]\nrepair_percent = 3", "Did you mean formulas?"),
        ("[[late]]\ngrace_minutes = 3", "late is expected to be a table"),
        ("[late.due]\nday = 3", "late.due is expected to be a moment"),
        ("[book]\nurl = 3", "book.url is expected to be an address, https://…, or empty; it is 3"),
        ('[book]\nurl = "example.org"', "book.url is expected to be an address"),
        ('[book]\nurls = ""', "Did you mean book.url?"),
        ('book = "https://example.org"', "book is expected to be a table"),
        ("[late.extensions]\nada@example.org = 2", 'needs quotes:  "ada@example.org" = 2'),
        ("[late.extensions]\n\nbob = 1\n  josé = 2  # flu", 'needs quotes:  "josé" = 2'),
        ("[late.extensions]\r\nAda Lovelace = 2", 'needs quotes:  "Ada Lovelace" = 2'),
        ("[late.extensions]\no'neil = 2", 'needs quotes:  "o\'neil" = 2'),
        ("[late.extensions]\nada.lovelace = 2", 'A name that holds a dot needs quotes:  "ada.lovelace" = …'),
        ("[late.extensions]\na.b.c = 2", 'A name that holds a dot needs quotes:  "a.b.c" = …'),
    ],
)
def test_what_cannot_be_is_named(tmp_path, text, words):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError, match=r"course\.toml") as raised:
        read_config(tmp_path / FILE)
    assert words in str(raised.value)


@pytest.mark.parametrize("text", ["[late]\ndue = 2026-12-01T23:59", "[late]\ngrace_minutes = = 3", "[late]\n= 3"])
def test_quotes_are_advised_for_names_alone(tmp_path, text):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ValueError) as raised:
        read_config(tmp_path / FILE)
    assert "quotes:" not in str(raised.value)


def test_a_name_in_quotes_is_any_name(tmp_path):
    (tmp_path / FILE).write_text('[late.extensions]\n"ada@example.org" = 2\n"josé" = 0.5\n"a.b" = 1\n')
    assert read_config(tmp_path / FILE).late.extensions == {"ada@example.org": 2, "josé": 0.5, "a.b": 1}


def test_the_rules_lie_in_the_course_folder_or_in_that_of_the_grades(tmp_path):
    course, graded = tmp_path / "course", tmp_path / "grading"
    course.mkdir()
    graded.mkdir()
    assert find_config(graded, course) == graded / FILE, "there the grader writes it"
    (course / FILE).write_text("")
    assert find_config(graded, course) == course / FILE == find_config(course, course)
    (graded / FILE).write_text("")
    with pytest.raises(ValueError, match=r"There are two: .* Only one can hold the rules"):
        find_config(graded, course)


def test_a_mistake_in_it_is_said_before_anything_is_graded(tmp_path):
    course = Course.at(tmp_path)
    course.root.mkdir(parents=True)
    (course.root / FILE).write_text("[late]\ngrace = 3\n")
    with pytest.raises(ValueError, match=r"late\.grace is not known here"):
        course.prepare()
