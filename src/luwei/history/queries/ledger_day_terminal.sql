-- The ledger of a day by terminal and reason, most frequent first.
-- day: YYYY-MM-DD, China Standard Time; reason, phone: only these, or '' for all; limit, offset: one page.
-- scope: the vehicles the caller may see, a bit each from the lowest id on, as base64; '' for all.
-- total: number of rows over all pages.
SELECT phone, argMax(l.vehicle_id, l.last_at) AS vehicle_id, argMax(l.terminal_id, l.last_at) AS terminal_id, kind, reason,
       message_id, sum(l.count) AS count, min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.peer, l.last_at) AS peer, argMax(l.example, (l.example != '', l.last_at)) AS example,
       count() OVER () AS total
FROM ledger AS l
WHERE l.day = {day:Date}
  AND ({reason:String} = '' OR splitByChar(':', l.reason)[1] = {reason:String})
  AND ({phone:String} = '' OR l.phone = {phone:String})
  AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8))
GROUP BY phone, kind, reason, message_id
ORDER BY count DESC, phone, reason, message_id
LIMIT {limit:UInt32} OFFSET {offset:UInt32}
