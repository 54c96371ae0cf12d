-- A page of one vehicle's stored messages, newest first, without their bodies.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; held_from, held_to: spans in which the caller
-- may see the vehicle; message: message id, or -1 for all; limit, offset: rows.
SELECT received_at, direction, message_id, serial, edition, phone, length(body) AS body_bytes, batch,
       count() OVER () AS total
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND arrayExists((low, high) -> toUnixTimestamp64Milli(received_at) >= low AND toUnixTimestamp64Milli(received_at) < high,
                  {held_from:Array(Int64)}, {held_to:Array(Int64)})
  AND ({message:Int32} < 0 OR message_id = {message:Int32})
ORDER BY received_at DESC, serial DESC, direction, message_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
