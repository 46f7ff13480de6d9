"""What is decided over all pairs at once: which stay. And what is decided before: which problems are no test's.

settings: what may be asked for    selection: pairs looked at one by one, then decided
near_duplicates, limits: the rules    keep_within: pairs dropped one by one until all limits hold
decontaminate: training problems that stand in evaluation files    ngrams: texts as hashes, for both
"""
