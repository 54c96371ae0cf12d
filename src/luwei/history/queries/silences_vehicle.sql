-- Spans in which one vehicle sent no live location, newest first; times of receipt, UTC milliseconds. What was sent later
-- out of the terminal's memory (origin 2) does not fill them.
-- vehicles: registry keys under which the one vehicle was ever known; start: how far to look; since: only spans that ended at it or later; gap: least length in ms.
SELECT before AS start, received AS end
FROM
(
    SELECT received, lagInFrame(received, 1, 0) OVER (ORDER BY received ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS before
    FROM
    (
        SELECT toUnixTimestamp64Milli(received_at) AS received
        FROM location
        WHERE vehicle_id IN {vehicles:Array(UInt32)} AND at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND origin != 2
    )
)
WHERE before > 0 AND received - before >= {gap:Int64} AND received >= {since:Int64}
ORDER BY start DESC
LIMIT 8
SETTINGS max_threads = 1
