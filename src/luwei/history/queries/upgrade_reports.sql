-- What terminals reported of upgrades: 0x0108 (result) and 0x1FC4 (progress), oldest first.
-- vehicles: registry keys; start: UTC milliseconds of receipt.
SELECT vehicle_id, received_at, message_id, edition, body
FROM message
WHERE has({vehicles:Array(UInt32)}, vehicle_id)
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND message_id IN (264, 8132) AND direction = 0
ORDER BY received_at
LIMIT 100000
