\set id random(1, 9000000000000000000)
INSERT INTO bench_insert (id, value) VALUES (:id, 'one hundred bytes, more or less, of a value that nobody will ever read and that has to be kept well');
