-- How many rows of each batch are in quarantine, by day of its partition: what a repeated insert is checked against.
-- batches: batch ids; first_day, last_day: YYYY-MM-DD (UTC) between which all their rows lie, both included.
SELECT batch, toYYYYMMDD(at) AS partition_day, count() AS rows
FROM quarantine
WHERE toDate(at) >= {first_day:Date} AND toDate(at) <= {last_day:Date} AND has({batches:Array(UInt64)}, batch)
GROUP BY batch, partition_day
