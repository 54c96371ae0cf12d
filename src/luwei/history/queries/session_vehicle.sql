-- The latest session of one vehicle: at most one row; closed_at is null while no close was reported.
-- vehicle: registry key; start: UTC milliseconds, how far to look back.
SELECT s.session AS session, any(s.phone) AS phone, any(s.gateway) AS gateway, any(s.boot) AS boot, any(s.transport) AS transport,
       any(s.peer) AS peer, any(s.edition) AS edition, min(s.at) AS opened_at,
       if(countIf(s.event = 'closed') = 0, NULL, max(s.at)) AS closed_at, anyIf(s.reason, s.event = 'closed') AS reason,
       max(s.frames) AS frames, max(s.locations) AS locations, max(s.refused) AS refused, max(s.bytes_in) AS bytes_in
FROM session AS s
WHERE s.vehicle_id = {vehicle:UInt32} AND s.at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
GROUP BY s.session
ORDER BY opened_at DESC
LIMIT 1
