-- The location of one vehicle nearest to an instant, with every column: its state when an alarm came.
-- vehicle: registry key; at: UTC milliseconds; within: milliseconds on both sides.
SELECT *
FROM location
WHERE vehicle_id = {vehicle:UInt32}
  AND at >= fromUnixTimestamp64Milli({at:Int64} - {within:Int64}, 'UTC')
  AND at <= fromUnixTimestamp64Milli({at:Int64} + {within:Int64}, 'UTC')
ORDER BY abs(toUnixTimestamp64Milli(at) - {at:Int64}), received_at
LIMIT 1
SETTINGS max_threads = 1
