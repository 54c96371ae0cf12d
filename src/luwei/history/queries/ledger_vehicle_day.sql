-- The ledger of one vehicle on one day, most frequent first.
-- vehicle: registry key; day: YYYY-MM-DD, China Standard Time.
SELECT kind, reason, message_id, sum(l.count) AS count, min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.example, (l.example != '', l.last_at)) AS example
FROM ledger AS l
WHERE l.day = {day:Date} AND l.vehicle_id = {vehicle:UInt32}
GROUP BY kind, reason, message_id
ORDER BY count DESC, reason, message_id
LIMIT 1000
