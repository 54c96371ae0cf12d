-- Every phase of one alarm. alarm: its key; vehicle, at: of its start (UTC ms) where known, which spares a search of all
-- days, else 0.
SELECT alarm, phase, vehicle_id, terminal_id, at, started_at, received_at, lat_e6, lon_e6, altitude_m, speed_dkmh,
       direction_deg, report_alarm, status, source, type, level, identification, files, sequence, dialect, item, edition,
       backfill, batch
FROM alarm
WHERE alarm = {alarm:UInt64}
  AND ({vehicle:UInt32} = 0 OR vehicle_id = {vehicle:UInt32})
  AND ({at:Int64} = 0 OR started_at = fromUnixTimestamp64Milli({at:Int64}, 'UTC'))
ORDER BY phase, at
LIMIT 1 BY phase
