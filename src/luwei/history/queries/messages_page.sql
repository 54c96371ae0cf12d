-- A page of one vehicle's stored messages, newest first, without their bodies.
-- vehicle: registry key; start, end: UTC milliseconds, end excluded; message: message id, or -1 for all; limit, offset: rows.
SELECT received_at, direction, message_id, serial, edition, phone, length(body) AS body_bytes, batch,
       count() OVER () AS total
FROM message
WHERE vehicle_id = {vehicle:UInt32}
  AND received_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND received_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
  AND ({message:Int32} < 0 OR message_id = {message:Int32})
ORDER BY received_at DESC, serial DESC, direction, message_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
