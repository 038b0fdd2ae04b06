"""A country's worth of synthetic records, to see how Nevus behaves when it is full.

Nobody here is real: names are made of syllables, lesions are drawn, and all images share a few
files. The shape is that of a real archive: hospitals of very different sizes, years of records
that grow, classes as frequent as in HAM10000, most readings signed long ago and the newest still
waiting.
"""
