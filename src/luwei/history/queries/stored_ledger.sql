-- How many rows of each batch are in ledger, by day of its partition: what a repeated insert is checked against.
-- batches: batch ids; first_day, last_day: YYYY-MM-DD (UTC) between which all their rows lie, both included.
SELECT batch, toYYYYMMDD(day) AS partition_day, count() AS rows
FROM ledger
WHERE day >= {first_day:Date} AND day <= {last_day:Date} AND has({batches:Array(UInt64)}, batch)
GROUP BY batch, partition_day
