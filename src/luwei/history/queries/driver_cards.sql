-- Reports of drivers' cards (0x0702) that terminals sent, as they were received.
-- start: UTC milliseconds of receipt; low, high: vehicles from .. to, end excluded; vehicles: only these, empty for all;
-- most: rows.
SELECT vehicle_id, received_at, edition, body
FROM message
PREWHERE message_id = 1794
WHERE direction = 0
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND vehicle_id >= {low:UInt32} AND vehicle_id < {high:UInt32} AND vehicle_id != 0
  AND (empty({vehicles:Array(UInt32)}) OR has({vehicles:Array(UInt32)}, vehicle_id))
ORDER BY vehicle_id, received_at
LIMIT {most:UInt32}
SETTINGS max_threads = 1
