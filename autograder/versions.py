"""Version numbers that decide what is graded or written again when the grader itself changes.

GRADING_VERSION is raised when a verdict, points, or what a graded cell shows changes: everybody is graded again.
FEEDBACK_VERSION is raised when the page around that changes: every page is written again, and no grade changes.
A docstring that is edited changes no grade, and a corrected page must reach those whose grade has not changed. So a
grade depends on GRADING_VERSION, and a page of feedback on FEEDBACK_VERSION too; `tests/autograder/grading/
test_versions.py` notices verdicts and pages that are other than those of the version that stands here.
"""

# The digests are of the verdicts and the page of that test, in this very version.
GRADING_VERSION, GRADING_DIGEST = 2, "904b5be27c527242"
FEEDBACK_VERSION, FEEDBACK_DIGEST = 1, "68cb765dfbfd7d1d"
