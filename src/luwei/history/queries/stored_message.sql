-- How many rows of each batch are in message, by day of its partition: what a repeated insert is checked against.
-- batches: batch ids; first_day, last_day: YYYY-MM-DD (UTC) between which all their rows lie, both included.
SELECT batch, toYYYYMMDD(received_at) AS partition_day, count() AS rows
FROM message
WHERE toDate(received_at) >= {first_day:Date} AND toDate(received_at) <= {last_day:Date} AND has({batches:Array(UInt64)}, batch)
GROUP BY batch, partition_day
