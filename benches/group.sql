SELECT c, count(*), sum(a), max(b) FROM bench_rows GROUP BY c;
