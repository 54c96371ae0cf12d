-- How many rows of each batch are in alarm, by day of its partition: what a repeated insert is checked against.
-- batches: batch ids; first_day, last_day: YYYY-MM-DD (UTC) between which all their rows lie, both included.
SELECT batch, toYYYYMMDD(started_at) AS partition_day, count() AS rows
FROM alarm
WHERE toDate(started_at) >= {first_day:Date} AND toDate(started_at) <= {last_day:Date}
  AND has({batches:Array(UInt64)}, batch)
GROUP BY batch, partition_day
