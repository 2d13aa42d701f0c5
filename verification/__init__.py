"""Independent evidence that the solutions, the book's equations and the grading are right.

`reference_gradients` differentiates the forward passes, written anew, in five ways; `derivation_steps` says what each
labelled equation says, and `symbolic_derivations` what SymPy derives for it. None of them reads the solutions or the
questions. `checks` compares the solutions with them, `equation_registry` ties both to the labels of the equations.
`student_variants` and `mistake_matrix` test the grading with right and wrong submissions.
"""
