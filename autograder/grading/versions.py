"""What has to be done again when the grader itself changes: said here by whoever changes it, and by nothing else.

A docstring that is edited changes no grade, and a corrected page must reach those whose grade has not changed. So a
grade depends on GRADING_VERSION, and a page of feedback on FEEDBACK_VERSION too; `tests/autograder/grading/
test_versions.py` notices verdicts and pages that are other than those of the version that stands here.
"""

GRADING_VERSION = 1  # raise it when a verdict, points, or what a graded cell shows changes: everybody is graded again
FEEDBACK_VERSION = 1  # raise it when the page around that changes: every page is written again, no grade changes
