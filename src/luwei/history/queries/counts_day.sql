-- What came in within a span (a day of China Standard Time), by hour of that span: one row an hour that has any.
-- start, end: UTC milliseconds, end excluded.
SELECT toUInt32(intDiv(toUnixTimestamp64Milli(at) - {start:Int64}, 3600000)) AS hour,
       count() AS locations,
       uniqExact(vehicle_id) AS vehicles,
       countIf(origin = 2) AS backfilled,
       countIf(bitTest(flags, 3)) AS not_fixed,
       countIf(alarm != 0) AS with_alarm
FROM location
WHERE at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY hour
ORDER BY hour
