"""The engine: gradient checker, questions, formula reader, assignments, sandbox, grading, reports, commands."""

import sys

# jsonschema would compile grammars with it at every start (0.8 s), for formats that no notebook has
sys.modules.setdefault("rfc3987_syntax", None)
