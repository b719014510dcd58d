"""What the documents claim about speed, runnable: ``python -m benchmarks --help``.

One run builds a FiftyOne dataset and an annotation table of each size and measures on them syncd, the bare reads of
both servers, and two scripts as a lab would write them. Figures of one run may be compared with each other; those of
two machines only as ratios.

    place     where a run's servers and data are
    data      the annotations, as a function of their number
    build     both sides, with nothing of syncd in it
    edit      edits as people make them on either side
    works/    what is measured
    measure   one work in a process of its own, under the clock
    report    the ratios and the table
"""
