-- Why frames of some terminals were refused since a day, the most frequent reason of each.
-- phones: as the ledger has them; first: YYYY-MM-DD, China Standard Time.
SELECT phone, argMax(reason, counted) AS reason, max(counted) AS count
FROM
(
    SELECT l.phone AS phone, l.reason AS reason, sum(l.count) AS counted
    FROM ledger AS l
    WHERE l.day >= {first:Date} AND l.kind = 'refused' AND l.phone IN {phones:Array(String)}
    GROUP BY phone, reason
)
GROUP BY phone
