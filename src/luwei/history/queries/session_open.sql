-- Sessions that are open now on the gateways that are alive: one row a session.
-- start: UTC milliseconds, how far to look back; boots: boots of the gateways that are alive.
SELECT s.session AS session, any(s.phone) AS phone, any(s.vehicle_id) AS vehicle_id, any(s.terminal_id) AS terminal_id,
       any(s.gateway) AS gateway, any(s.boot) AS boot, any(s.transport) AS transport, any(s.peer) AS peer,
       any(s.edition) AS edition, min(s.at) AS opened_at
FROM session AS s
WHERE s.at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC') AND has({boots:Array(UInt32)}, s.boot)
GROUP BY s.session
HAVING countIf(s.event = 'closed') = 0
ORDER BY opened_at DESC
LIMIT 600000
