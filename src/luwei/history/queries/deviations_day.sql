-- The ledger of some days by terminal and reason, most frequent first: the material of the deviation report.
-- first, last: YYYY-MM-DD, China Standard Time, both included; excluded: reasons (without detail) that say nothing of the
-- terminal's protocol; reason: only this one with its detail, or '' for all; message, or -1; limit: rows.
-- total: number of rows without the limit.
SELECT phone, kind, reason, message_id, sum(l.count) AS count, min(l.first_at) AS first_at, max(l.last_at) AS last_at,
       argMax(l.example, (l.example != '', l.last_at)) AS example, count() OVER () AS total
FROM ledger AS l
WHERE l.day BETWEEN {first:Date} AND {last:Date} AND l.phone != ''
  AND splitByChar(':', l.reason)[1] NOT IN splitByChar(',', {excluded:String})
  AND ({reason:String} = '' OR l.reason = {reason:String})
  AND ({message:Int32} < 0 OR l.message_id = {message:Int32})
GROUP BY phone, kind, reason, message_id
ORDER BY count DESC, phone, reason, message_id
LIMIT {limit:UInt32}
