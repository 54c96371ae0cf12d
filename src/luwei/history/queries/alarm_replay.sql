-- Alarms that began in a span, with their ends, in order of time, for a policy that is tried on the past.
-- start, end: UTC milliseconds, end excluded; of the beginning, by which the table is kept.
SELECT vehicle_id, at, started_at, phase, type, dialect, level, speed_dkmh
FROM alarm
WHERE started_at >= fromUnixTimestamp64Milli({start:Int64}, 'UTC')
  AND started_at < fromUnixTimestamp64Milli({end:Int64}, 'UTC')
ORDER BY at, alarm, phase
SETTINGS max_threads = 1
