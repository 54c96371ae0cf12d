-- What stands (luwei/alarms/standing.py): conditions as they were last said, and alarms of items that began and have not
-- ended. begun_ms: an item's start counts for so long; track_ms: a backfilled condition is open for so long.
SELECT vehicle_id, type, backfill, slot, alarm, phase, at, started_at, received_at, alarm_id
FROM alarm_open FINAL
WHERE (slot = 0 AND phase = 1 AND NOT backfill)
   OR (slot = 0 AND received_at > now64(3) - toIntervalMillisecond({track_ms:UInt32}))
   OR (slot != 0 AND phase = 1 AND received_at > now64(3) - toIntervalMillisecond({begun_ms:UInt32}))
ORDER BY vehicle_id, type, backfill, started_at
