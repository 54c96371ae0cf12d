-- The ledger of a day by reason: what was refused or noted, how often, by how many terminals, with one example frame.
-- day: YYYY-MM-DD, China Standard Time; phone: only this terminal, or '' for all.
-- scope, devices, part_scope, part_vehicle, part_from, part_to: whose rows the caller may see (Services.held).
-- A row counts for whoever had the truck at its last frame.
SELECT kind, reason, message_id, sum(l.count) AS count, uniqExact(l.phone) AS terminals,
       min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.example, (l.example != '', l.last_at)) AS example
FROM ledger AS l
WHERE l.day = {day:Date} AND ({phone:String} = '' OR l.phone = {phone:String})
  AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       OR ({part_scope:String} != '' AND bitTest(reinterpretAsUInt8(substring(base64Decode({part_scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8)
       AND arrayExists((held, low, high) -> held = l.vehicle_id AND toUnixTimestamp64Milli(l.last_at) >= low AND toUnixTimestamp64Milli(l.last_at) < high,
                       {part_vehicle:Array(UInt32)}, {part_from:Array(Int64)}, {part_to:Array(Int64)})))
  AND ({devices:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({devices:String}), intDiv(l.terminal_id, 8) + 1, 1)), l.terminal_id % 8))
GROUP BY kind, reason, message_id
ORDER BY count DESC, reason, message_id
LIMIT 1000
