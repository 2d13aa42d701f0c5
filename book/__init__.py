"""The pages of the course as text, their figures and bibliography.

`_ext` holds the Sphinx extensions, `_lib` what page cells import, `_tools` command-line tools, `_static` scripts and
styles, `_templates` changes to the theme.
"""
