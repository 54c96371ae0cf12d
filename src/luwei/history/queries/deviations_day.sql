-- The ledger of some days by terminal, truck and reason, most frequent first: the material of the deviation report.
-- first, last: YYYY-MM-DD, China Standard Time, both included; excluded: reasons (without detail) that say nothing of the
-- terminal's protocol; reason: only this one with its detail, or '' for all; message, or -1; limit: rows.
-- scope, devices, part_scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held).
-- Rows of no truck come along: the caller judges them by the phone.
-- total: number of rows without the limit.
SELECT phone, vehicle_id, kind, reason, message_id, sum(l.count) AS count, min(l.first_at) AS first_at,
       max(l.last_at) AS last_at,
       argMax(l.example, (l.example != '', l.last_at)) AS example, count() OVER () AS total
FROM ledger AS l
WHERE l.day BETWEEN {first:Date} AND {last:Date} AND l.phone != ''
  AND splitByChar(':', l.reason)[1] NOT IN splitByChar(',', {excluded:String})
  AND ({reason:String} = '' OR l.reason = {reason:String})
  AND ({message:Int32} < 0 OR l.message_id = {message:Int32})
  AND ({scope:String} = '' OR l.vehicle_id = 0 OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       OR ({part_scope:String} != '' AND bitTest(reinterpretAsUInt8(substring(base64Decode({part_scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       AND arrayExists((held, low, high) -> held = l.vehicle_id AND toUnixTimestamp64Milli(l.last_at) >= low AND toUnixTimestamp64Milli(l.last_at) < high,
                       {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
  AND ({devices:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({devices:String}), intDiv(l.terminal_id, 8) + 1, 1)), l.terminal_id % 8))
GROUP BY phone, vehicle_id, kind, reason, message_id
ORDER BY count DESC, phone, reason, message_id, vehicle_id
LIMIT {limit:UInt32}
