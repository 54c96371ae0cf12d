-- What terminals said of uploads by FTP: 0x1206 (finished), oldest first.
-- vehicles: registry keys; start: UTC milliseconds of receipt.
SELECT vehicle_id, received_at, message_id, edition, body
FROM message
WHERE has({vehicles:Array(UInt32)}, vehicle_id)
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND message_id = 4614 AND direction = 0
ORDER BY received_at
LIMIT 100000
