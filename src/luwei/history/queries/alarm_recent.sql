-- Items received lately, so that a report that is repeated after a restart makes no new alarm.
-- recent_ms: since when; limit: the newest so many.
SELECT vehicle_id, item
FROM alarm
WHERE started_at > now64(3) - INTERVAL 2 DAY AND received_at > now64(3) - toIntervalMillisecond({recent_ms:UInt32})
  AND source IN ('adas', 'dsm', 'tpms', 'bsd', 'driving')
ORDER BY received_at DESC
LIMIT {limit:UInt32}
