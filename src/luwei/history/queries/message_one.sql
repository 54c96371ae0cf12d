-- One stored message with its body.
-- vehicle: registry key; at: UTC milliseconds of receipt; message: message id; serial: of the terminal; direction: 0 up, 1 down.
SELECT received_at, direction, message_id, serial, edition, phone, body
FROM message
WHERE vehicle_id = {vehicle:UInt32} AND received_at = fromUnixTimestamp64Milli({at:Int64}, 'UTC')
  AND message_id = {message:UInt16} AND serial = {serial:UInt16} AND direction = {direction:UInt8}
LIMIT 1
