-- Every active part of every table of the database, in order.
-- database: the history's own.
SELECT table, partition_id, name, rows
FROM system.parts
WHERE active AND database = {database:String}
ORDER BY table, partition_id, name
