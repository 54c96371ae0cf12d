-- Alarms received since an instant that began then: what screens that open are shown. since: UTC milliseconds; limit: rows.
SELECT alarm, phase, vehicle_id, terminal_id, at, started_at, received_at, lat_e6, lon_e6, altitude_m, speed_dkmh,
       direction_deg, source, type, level, files, sequence, dialect, edition, backfill
FROM alarm
WHERE started_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') AND received_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
  AND phase != 2 AND NOT backfill
ORDER BY received_at DESC, started_at DESC
LIMIT 1 BY alarm
LIMIT {limit:UInt32}
SETTINGS max_threads = 2
