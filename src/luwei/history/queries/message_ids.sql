-- Which messages of one vehicle are stored, how many of each.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded.
SELECT message_id, count() AS count
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
GROUP BY message_id
ORDER BY message_id
LIMIT 500
