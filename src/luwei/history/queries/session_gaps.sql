-- Vehicles of which a session opened after a pause: candidates for "offline", to be compared with what they reported.
-- start: UTC milliseconds, how far to look back; since: only sessions that opened at it or later; gap: least pause in ms;
-- most: so many rows. A session of a gateway that was killed has no end: its opening stands for it.
SELECT vehicle_id, opened AS opened_at, before AS ended_at
FROM
(
    SELECT vehicle_id, opened, lagInFrame(ended, 1, 0) OVER (PARTITION BY vehicle_id ORDER BY opened ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM
    (
        SELECT any(s.vehicle_id) AS vehicle_id, toUnixTimestamp64Milli(min(s.at)) AS opened, toUnixTimestamp64Milli(max(s.at)) AS ended
        FROM session AS s
        WHERE s.at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND s.vehicle_id > 0
        GROUP BY s.session
    )
)
WHERE before > 0 AND opened - before >= {gap:Int64} AND opened >= {since:Int64}
ORDER BY opened, vehicle_id
LIMIT {most:UInt32}
