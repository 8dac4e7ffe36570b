"""A cohort of labelled 12-lead ECGs, computed: hearts, rhythms, recordings, and the layouts of the public releases.

Names of arrays end in their unit here (`_ms`, `_mV`, `_hz`) and not, as elsewhere in the project, in letters for their axes.
Nearly every array has one axis, the records or the beats of a batch, so that a suffix would say the same everywhere, while
a wrong unit draws a wrong heart without an error. Axes stand in brackets in docstrings and comments, by the file's legend.
"""
