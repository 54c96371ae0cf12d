-- The newest message of one kind that a vehicle sent before an instant.
-- vehicle: registry key; message: its id; start, end: UTC milliseconds, end excluded.
SELECT received_at, edition, body
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND message_id = {message:UInt16}
  AND direction = 0
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY received_at DESC
LIMIT 1
SETTINGS max_threads = 1
