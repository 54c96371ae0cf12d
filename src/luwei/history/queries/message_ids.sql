-- Which messages of one vehicle are stored, how many of each.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; held_from, held_to: spans in which the caller
-- may see the vehicle.
SELECT message_id, count() AS count
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND arrayExists((low, high) -> toUnixTimestamp64Milli(received_at) >= low AND toUnixTimestamp64Milli(received_at) < high,
                  {held_from:Array(Int64)}, {held_to:Array(Int64)})
GROUP BY message_id
ORDER BY message_id
LIMIT 500
