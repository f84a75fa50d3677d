"""A quarter-hour of a GPU, used whole: what is prepared without one, and the stages that run there.

python -m bench.gpu --prepare     without a GPU: fills .gpu/ with all that would cost time there
python -m bench.gpu --dry-run     without a GPU: every stage as far as it can go, at tiny sizes
python -m bench.gpu --out DIR     on the GPU machine: every stage in a box of seconds of its own
python -m bench.gpu --keep DIR    afterwards: its figures to bench/results, and README's tables

`stages.py` says what runs when, for how long, and into which file; each stage is a file here with a
function `run(record, setting)`. Nothing there needs a network, git or make.
"""
