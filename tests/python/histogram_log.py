"""Reads a histogram log with HdrHistogram's own Python reader: ten seconds and a drain, two tags, 20,000 samples."""
import sys

from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

reader = HistogramLogReader(sys.argv[1], HdrHistogram(1, 3_600_000_000, 3))
sums = {}
starts = {}
while (histogram := reader.get_next_interval_histogram()) is not None:
    tag = histogram.get_tag()
    sums.setdefault(tag, HdrHistogram(1, 3_600_000_000, 3)).add(histogram)
    starts.setdefault(tag, []).append(histogram.get_start_time_stamp())

assert sorted(sums) == ["response", "service"], sums
for tag, total in sums.items():
    assert total.get_total_count() == 10_000, (tag, total.get_total_count())
    assert len(starts[tag]) == 11, (tag, starts[tag])
    assert starts[tag][0] == 1_700_000_000_123, (tag, starts[tag])
    assert abs(starts[tag][10] - starts[tag][0] - 10_000) < 1, (tag, starts[tag])
# In microseconds: the freeze of a second, and what it hides from the service time.
assert 990_000 < sums["response"].get_max_value() < 1_010_000, sums["response"].get_max_value()
assert sums["response"].get_value_at_percentile(99) > 800_000
assert sums["service"].get_value_at_percentile(99) < 2_000
