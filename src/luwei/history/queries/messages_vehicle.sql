-- Messages of one vehicle other than locations and heartbeats, newest first.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; limit: most rows given.
SELECT received_at, direction, message_id, serial, edition, phone, body
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY received_at DESC
LIMIT {limit:UInt32}
