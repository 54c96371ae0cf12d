-- The ledger of one vehicle over some days by reason, most frequent first, without reasons that say nothing of the protocol.
-- vehicles: registry keys under which the one vehicle was ever known; first: YYYY-MM-DD, China Standard Time; excluded: reasons (without detail), joined by commas.
SELECT l.reason AS reason, sum(l.count) AS count, max(l.last_at) AS last_at
FROM ledger AS l
WHERE l.day >= {first:Date} AND l.vehicle_id IN {vehicles:Array(UInt32)}
  AND splitByChar(':', l.reason)[1] NOT IN splitByChar(',', {excluded:String})
GROUP BY reason
ORDER BY count DESC, reason
LIMIT 50
