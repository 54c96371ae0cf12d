-- As track, with every stored column.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; limit: most rows given.
SELECT *
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY at, received_at
LIMIT {limit:UInt32}
SETTINGS max_threads = 2
