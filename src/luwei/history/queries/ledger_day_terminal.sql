-- The ledger of a day by terminal and reason, most frequent first.
-- day: YYYY-MM-DD, China Standard Time; reason, phone: only these, or '' for all; limit, offset: one page.
-- scope, devices, part_scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held).
-- A row counts for whoever had the truck at its last frame.
-- total: number of rows over all pages.
SELECT phone, argMax(l.vehicle_id, l.last_at) AS vehicle_id, argMax(l.terminal_id, l.last_at) AS terminal_id, kind, reason,
       message_id, sum(l.count) AS count, min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.peer, l.last_at) AS peer, argMax(l.example, (l.example != '', l.last_at)) AS example,
       count() OVER () AS total
FROM ledger AS l
WHERE l.day = {day:Date}
  AND ({reason:String} = '' OR splitByChar(':', l.reason)[1] = {reason:String})
  AND ({phone:String} = '' OR l.phone = {phone:String})
  AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       OR ({part_scope:String} != '' AND bitTest(reinterpretAsUInt8(substring(base64Decode({part_scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       AND arrayExists((held, low, high) -> held = l.vehicle_id AND toUnixTimestamp64Milli(l.last_at) >= low AND toUnixTimestamp64Milli(l.last_at) < high,
                       {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
  AND ({devices:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({devices:String}), intDiv(l.terminal_id, 8) + 1, 1)), l.terminal_id % 8))
GROUP BY phone, kind, reason, message_id
ORDER BY count DESC, phone, reason, message_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
