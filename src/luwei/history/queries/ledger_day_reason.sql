-- The ledger of a day by reason: what was refused or noted, how often, by how many terminals, with one example frame.
-- day: YYYY-MM-DD, China Standard Time; phone: only this terminal, or '' for all.
-- scope: the vehicles the caller may see, a bit each from the lowest id on, as base64; '' for all.
SELECT kind, reason, message_id, sum(l.count) AS count, uniqExact(l.phone) AS terminals,
       min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.example, (l.example != '', l.last_at)) AS example
FROM ledger AS l
WHERE l.day = {day:Date} AND ({phone:String} = '' OR l.phone = {phone:String})
  AND ({scope:String} = '' OR bitTest(reinterpretAsUInt8(substring(base64Decode({scope:String}), intDiv(l.vehicle_id, 8) + 1, 1)), l.vehicle_id % 8))
GROUP BY kind, reason, message_id
ORDER BY count DESC, reason, message_id
LIMIT 1000
