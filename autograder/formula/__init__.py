r"""Formulas as answers: a gradient written in LaTeX is read, its shapes are found, and it is computed on draws.

    tree = read(r"\frac1m \sum_i (\hat x_i \circ c_i) x_i^T", notation)
    (reading,) = find_readings(tree, target)  # what it means as an array of the target's shape, or a FormulaError
    evaluate(reading, draw)                   # an array; draw is a dict {key of a symbol: array}, rows are samples

Each module imports only those before it, and NumPy:

    errors       why a formula could not be read, and where
    notation     what can be written: what an assignment hands in, and tables of commands, signs and words
    spelling     Unicode to LaTeX
    table        a network's quantities to symbols, sizes and targets
    tokens       a string to tokens, tokens to statements
    tree         the pieces of a formula
    typesetting  a tree to LaTeX in one spelling
    parser       tokens to a tree
    documents    the formulas of a Markdown text
    arrays       the pieces of what a formula means, with their shapes
    shapes       a tree to arrays
    readings     the ways to read a whole formula, and the repairs
    evaluate     arrays and a draw to numbers
    verdict      numbers compared with the truth, in words

No module knows an assignment: letters, quantities, targets and draws are handed in. Students get all of them and their
assignment's targets joined as one file, formulas.py.
"""
